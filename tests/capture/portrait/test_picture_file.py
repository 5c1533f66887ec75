"""Picture files from anywhere: the right pixels or the right word, and never unbounded memory."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.portrait.errors import PictureTooLarge, PictureTruncated, PictureUnreadable
from agent.capture.portrait.picture_file import decode_picture, parse_header, read_picture
from agent.devices.seams import Pixels

Picture = Callable[..., Pixels]
ROOT = Path(__file__).resolve().parents[3]


def _gradient(width: int, height: int) -> Pixels:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, np.full_like(x, 90)], axis=2).astype(np.uint8)


def _jpeg(pixels: Pixels, *options: int) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95, *options])[1].tobytes()


def _png(pixels: Pixels) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


SMALL = _gradient(64, 48)
PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def _oriented(jpeg: bytes, orientation: int) -> bytes:
    """Put an EXIF orientation into a JPEG."""
    ifd = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize("data", [_jpeg(SMALL), _jpeg(SMALL, *PROGRESSIVE), _png(SMALL)], ids=["jpeg", "prog", "png"])
def test_pictures_are_read(data: bytes) -> None:
    """Baseline and progressive JPEG and PNG: size and content."""
    picture = decode_picture(data, "a")
    assert (picture.pixels.shape, picture.reduced) == (SMALL.shape, 1)
    assert np.abs(picture.pixels.astype(int) - SMALL).mean() < 3


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(1, lambda p: p), (3, lambda p: p[::-1, ::-1]), (6, lambda p: np.rot90(p, -1)), (8, np.rot90)],
)
def test_exif_orientation_is_applied(orientation: int, turned: Callable[[Pixels], Pixels]) -> None:
    """A telephone held upright writes its pictures lying: they are turned upright."""
    picture = decode_picture(_oriented(_jpeg(SMALL), orientation), "a").pixels
    expected = turned(SMALL)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 3


def test_cmyk_becomes_bgr(tmp_path: Path) -> None:
    """A printer's JPEG with four components shows the colours that it prints."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: it makes the CMYK file")
    path = tmp_path / "a.jpg"
    image.fromarray(np.ascontiguousarray(SMALL[..., ::-1])).convert("CMYK").save(path, quality=95)
    assert np.abs(read_picture(path).pixels.astype(int) - SMALL).mean() < 6


@pytest.mark.parametrize("pixels", [SMALL[..., 0], np.dstack([SMALL, SMALL[..., :1]])], ids=["grey", "alpha"])
def test_other_channels_become_three(pixels: Pixels) -> None:
    """Grey and alpha are ordinary."""
    assert decode_picture(_png(np.ascontiguousarray(pixels)), "a").pixels.shape == SMALL.shape


@pytest.mark.parametrize("data", [_jpeg(SMALL), _jpeg(SMALL, *PROGRESSIVE), _png(SMALL)], ids=["jpeg", "prog", "png"])
def test_a_picture_cut_at_any_byte_is_truncated(data: bytes) -> None:
    """From the first marker to the last but one byte: never half a picture, always the true cause."""
    for cut in range(8, len(data) - 1):
        with pytest.raises(PictureTruncated):
            decode_picture(data[:cut], "a.jpg")


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"hello", b"GIF89a" + bytes(40), b"%PDF-1.7", b"\xff\xd8", b"\xff\xd8\x00\x00\x00\x00" + bytes(50)],
    ids=["empty", "one byte", "text", "gif", "pdf", "soi alone", "soi and nothing"],
)
def test_what_is_no_picture_is_said(data: bytes) -> None:
    """A file of any other kind has its own word; a lone start of a JPEG is a cut one."""
    with pytest.raises((PictureUnreadable, PictureTruncated)) as caught:
        decode_picture(data, "a.jpg")
    assert (caught.type is PictureTruncated) == (data == b"\xff\xd8")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """No file, or a folder: with the system's own words."""
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(PictureUnreadable, match=r"directory|such file"):
            read_picture(path)


def _lying_png(width: int, height: int) -> bytes:
    data = _png(SMALL)
    head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def _lying_jpeg(width: int, height: int, *options: int) -> bytes:
    data = _jpeg(SMALL, *options)
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize(
    "data",
    [
        _lying_png(40_000, 40_000),
        _lying_png(6000, 6000),
        _lying_jpeg(65_500, 65_500),
        _lying_jpeg(6000, 6000, *PROGRESSIVE),
    ],
    ids=["png 1.6 gigapixels", "png 36 megapixels", "jpeg 4 gigapixels", "progressive 36 megapixels"],
)
def test_what_would_have_to_be_held_whole_is_too_large(data: bytes) -> None:
    """The header alone decides: nothing of that size is ever asked of memory."""
    with pytest.raises(PictureTooLarge, match=r"\d+x\d+"):
        decode_picture(data, "a")


@pytest.mark.parametrize("data", [_lying_png(0, 9), _lying_jpeg(0, 9), _lying_jpeg(9, 0)])
def test_a_picture_without_pixels_is_none(data: bytes) -> None:
    """Zero width or height."""
    with pytest.raises(PictureUnreadable):
        decode_picture(data, "a")


def test_100_megapixels_are_read_small_and_with_bounded_memory(tmp_path: Path) -> None:
    """A baseline JPEG of 100 megapixels comes out at a quarter of its size, in less memory than it would fill."""
    path = tmp_path / "huge.jpg"
    path.write_bytes(_jpeg(np.zeros((8000, 12_500, 3), np.uint8)))
    program = (
        "import sys, resource; from pathlib import Path\n"
        "from agent.capture.portrait.picture_file import read_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "picture = read_picture(Path(sys.argv[1]))\n"
        "print(picture.reduced, *picture.pixels.shape, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    reduced, height, width, _, grown_kb = (int(value) for value in done.stdout.split())
    assert (reduced, height, width) == (4, 2000, 3125)
    assert grown_kb < 100_000


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_after_a_start_are_parsed_or_refused(tail: bytes) -> None:
    """No length leads out of the file, and nothing but our own errors comes out."""
    for start in (b"\xff\xd8", b"\x89PNG\r\n\x1a\n"):
        header = parse_header(start + tail)
        assert header is None or 0 <= header.width < 2**32
        with pytest.raises((PictureUnreadable, PictureTruncated, PictureTooLarge)):
            decode_picture(start + tail, "a")


@given(at=st.integers(2, 600), value=st.integers(0, 255))
@settings(max_examples=200)
def test_one_wrong_byte_is_a_picture_or_an_error(at: int, value: int) -> None:
    """Flipped bytes give pixels or one of our errors, never a foreign one."""
    data = bytearray(_jpeg(SMALL))
    data[at % len(data)] = value
    with contextlib.suppress(PictureUnreadable, PictureTruncated, PictureTooLarge):
        assert decode_picture(bytes(data), "a").pixels.ndim == 3
