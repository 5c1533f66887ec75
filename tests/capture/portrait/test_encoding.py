"""JPEG within a size limit: the best quality that fits, the resolution told, nothing else in the file."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.portrait.encoding import encode
from agent.capture.portrait.errors import SizeLimitTooSmall
from agent.capture.portrait.measures import Encoded
from agent.capture.portrait.settings import JPEG_QUALITY, LOWEST_QUALITY
from agent.devices.seams import Pixels

Picture = Callable[..., Pixels]


@pytest.fixture(name="crop", scope="module")
def crop_fixture(picture: Picture) -> Pixels:
    """Return a part of a rendered subject."""
    return np.ascontiguousarray(picture("passing")[90:630, 430:850])


def _segments(jpeg: bytes) -> dict[int, bytes]:
    """Return the segments before the compressed data by marker, read as ITU-T T.81 says."""
    found, at = {}, 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found[jpeg[at + 1]] = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
    return found


def _smaller(pixels: Pixels, quality: int) -> int:
    sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    return len(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])[1])


def test_what_fits_has_full_quality(crop: Pixels) -> None:
    """With room enough nothing is searched."""
    assert encode(crop, 10**7).quality == JPEG_QUALITY


@pytest.mark.parametrize("share", [0.9, 0.6, 0.4])
def test_the_best_quality_that_fits_is_found(crop: Pixels, share: float) -> None:
    """It fits, and one step more would not."""
    limit = int(share * _smaller(crop, JPEG_QUALITY))
    jpeg = encode(crop, limit)
    assert len(jpeg.data) <= limit
    assert _smaller(crop, jpeg.quality + 1) > limit


def test_the_lowest_quality_is_still_taken_and_nothing_below(crop: Pixels) -> None:
    """A limit of exactly that size holds; a byte less is an error that names the limit."""
    limit = _smaller(crop, LOWEST_QUALITY)
    assert encode(crop, limit).quality >= LOWEST_QUALITY
    with pytest.raises(SizeLimitTooSmall, match=str(limit // 2)):
        encode(crop, limit // 2)


def test_the_resolution_is_in_the_file(crop: Pixels) -> None:
    """JFIF says dots per inch, 305 each way; the picture is the same with and without."""
    with_dpi, without = encode(crop, 10**7, 305), encode(crop, 10**7)
    jfif = _segments(with_dpi.data)[0xE0]
    assert jfif[:5] == b"JFIF\0"
    assert (jfif[7], int.from_bytes(jfif[8:10], "big"), int.from_bytes(jfif[10:12], "big")) == (1, 305, 305)
    one, other = (
        np.asarray(cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)) for jpeg in (with_dpi, without)
    )
    assert np.array_equal(one, other)


def test_there_is_no_metadata_and_full_colour(crop: Pixels) -> None:
    """No EXIF, no comment, no other application's segment; all three components sampled 1x1."""
    segments = _segments(encode(crop, 10**7, 305).data)
    assert [marker for marker in segments if 0xE0 <= marker <= 0xEF or marker == 0xFE] == [0xE0]
    frame = segments[0xC0]
    assert [frame[7 + 3 * component] for component in range(frame[5])] == [0x11, 0x11, 0x11]


@given(side=st.integers(1, 60), limit=st.integers(0, 20_000), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_a_limit_is_kept_or_named(side: int, limit: int, seed: int) -> None:
    """Whatever the picture and the limit: a file that fits, or the error."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    try:
        jpeg = encode(pixels, limit)
    except SizeLimitTooSmall:
        assert _smaller(pixels, LOWEST_QUALITY) > limit
    else:
        assert len(jpeg.data) <= limit
        assert LOWEST_QUALITY <= jpeg.quality <= JPEG_QUALITY


def test_pictures_are_not_shown_in_a_repr() -> None:
    """What gets into a log by accident is the quality, not a face."""
    assert "secret" not in repr(Encoded(b"secret", 9))
