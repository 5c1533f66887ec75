"""Pictures inside records: what comes back, and what never gets unpacked."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agent.capture.fingerprint.formats import (
    BadField,
    Compression,
    DamagedPicture,
    FingerFormatError,
    LyingLength,
    NotAFingerRecord,
    PictureTooBig,
    UnsupportedPicture,
    pack_jpeg2000,
    pack_wsq,
    pixels_of,
    read_jpeg2000,
    read_png,
)
from agent.devices.seams import Pixels
from tests.capture.fingerprint.formats.prints import (
    cuts,
    grey_png,
    packed,
    png_chunk,
    png_of,
    raw,
    small_picture,
    synthetic_print,
)

_SIZ = 4  # the codestream's size segment, after its two markers


def codestream(width: int = 12, height: int = 9) -> bytes:
    """Return a bare lossless codestream."""
    file = io.BytesIO()
    Image.fromarray(small_picture(width, height)).save(file, "JPEG2000", irreversible=False, no_jp2=True)
    return file.getvalue()


def claiming(width: int, height: int) -> bytes:
    """Return a codestream whose header claims another size."""
    data = codestream()
    return data[: _SIZ + 4] + struct.pack(">II", width, height) + data[_SIZ + 12 :]


class TestLossless:
    """Every lossless way brings the same pixels back."""

    def test_raw(self) -> None:
        """As they are."""
        assert np.array_equal(pixels_of(raw(small_picture())), small_picture())

    @pytest.mark.parametrize("compression", [Compression.PNG, Compression.JPEG2000_LOSSLESS])
    def test_packed(self, compression: Compression) -> None:
        """A print of the pad's size, packed and unpacked."""
        pixels = synthetic_print()
        data = grey_png(pixels) if compression is Compression.PNG else pack_jpeg2000(pixels)
        assert len(data) < pixels.size
        assert np.array_equal(pixels_of(packed(data, compression, 384, 290)), pixels)

    @given(width=st.integers(1, 70), height=st.integers(1, 70), seed=st.integers(0, 99))
    @settings(max_examples=30, deadline=None)
    def test_jpeg2000_of_any_size(self, width: int, height: int, seed: int) -> None:
        """Noise, the hardest picture, at every odd size."""
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
        assert np.array_equal(read_jpeg2000(pack_jpeg2000(pixels)), pixels)

    def test_another_library_reads_our_jpeg2000(self) -> None:
        """OpenCV finds the same pixels."""
        pixels = synthetic_print()
        found = cv2.imdecode(np.frombuffer(pack_jpeg2000(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
        assert found is not None
        assert np.array_equal(found, pixels)

    def test_bare_codestreams_are_read(self) -> None:
        """Records may hold a codestream without the file around it."""
        assert np.array_equal(read_jpeg2000(codestream()), small_picture())

    def test_a_wsq_picture_comes_back_close(self) -> None:
        """Lossy, but the same finger."""
        pixels = synthetic_print()
        found = pixels_of(packed(pack_wsq(pixels).data, Compression.WSQ, 384, 290))
        assert np.corrcoef(found.ravel(), pixels.ravel())[0, 1] > 0.95


class TestHostilePng:
    """PNGs that are cut, lie, or want all memory."""

    def test_a_png_cut_at_any_byte_is_refused(self) -> None:
        """Every beginning of a picture is an error of ours."""
        for data in cuts(grey_png(small_picture())):
            with pytest.raises(FingerFormatError):
                read_png(data)

    @pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (4097, 1), (1, 4097), (4096, 4096), (2**31, 1)])
    def test_a_bomb_is_not_unpacked(self, width: int, height: int) -> None:
        """The header alone says enough: there is not even a picture behind it."""
        with pytest.raises(PictureTooBig, match=f"{width}x{height}"):
            read_png(png_of(width, height, b""))

    @pytest.mark.parametrize(("width", "height"), [(0, 9), (9, 0)])
    def test_no_pixels_are_no_picture(self, width: int, height: int) -> None:
        """Zero sizes are refused."""
        with pytest.raises(BadField):
            read_png(png_of(width, height, zlib.compress(b"")))

    @pytest.mark.parametrize("rows", [0, 1, 8, 10, 100_000])
    def test_missing_or_too_many_rows_are_damage(self, rows: int) -> None:
        """The packed bytes hold other rows than the header says, though every checksum is right."""
        with pytest.raises(DamagedPicture):
            read_png(png_of(12, 9, zlib.compress(bytes(rows * 13))))

    @pytest.mark.parametrize(("depth", "colour"), [(16, 0), (1, 0), (8, 2), (8, 3), (8, 6)])
    def test_other_kinds_are_unsupported(self, depth: int, colour: int) -> None:
        """Only 8-bit grey is a fingerprint here."""
        with pytest.raises(UnsupportedPicture):
            read_png(png_of(12, 9, zlib.compress(bytes(9 * 13)), depth, colour))

    def test_a_wrong_checksum_is_damage(self) -> None:
        """One flipped bit in the header."""
        data = bytearray(grey_png(small_picture()))
        data[19] ^= 1
        with pytest.raises(DamagedPicture, match="checksum"):
            read_png(bytes(data))

    def test_a_lying_chunk_length_is_refused(self) -> None:
        """A chunk of 4 GiB in a file of some bytes."""
        data = grey_png(small_picture())
        with pytest.raises(FingerFormatError):
            read_png(data[:8] + b"\xff\xff\xff\xff" + data[12:])

    def test_bytes_after_the_end_are_refused(self) -> None:
        """Nothing rides along behind a picture."""
        with pytest.raises(LyingLength):
            read_png(grey_png(small_picture()) + b"PK")

    def test_the_header_comes_first(self) -> None:
        """A PNG may not begin with another chunk."""
        with pytest.raises(BadField):
            read_png(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IEND", b""))

    @given(data=st.binary(max_size=100))
    @settings(deadline=None)
    def test_any_bytes_are_refused(self, data: bytes) -> None:
        """With or without the right beginning, no other exception than ours."""
        for begun in (data, b"\x89PNG\r\n\x1a\n" + data, png_of(12, 9, data)):
            with pytest.raises(FingerFormatError):
                read_png(begun)


class TestHostileJpeg2000:
    """JPEG 2000 that is cut, lies, or wants all memory."""

    @pytest.mark.parametrize("data", [codestream(), pack_jpeg2000(small_picture())], ids=["codestream", "JP2"])
    def test_a_picture_cut_at_any_byte_is_refused(self, data: bytes) -> None:
        """Every beginning of a picture is an error of ours."""
        for cut in cuts(data):
            with pytest.raises(FingerFormatError):
                read_jpeg2000(cut)

    @pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**32 - 1, 2**32 - 1), (4097, 9)])
    def test_a_bomb_is_not_unpacked(self, width: int, height: int) -> None:
        """The size segment alone says enough."""
        with pytest.raises(PictureTooBig):
            read_jpeg2000(claiming(width, height))

    def test_no_pixels_are_no_picture(self) -> None:
        """Zero sizes are refused."""
        with pytest.raises(BadField):
            read_jpeg2000(claiming(0, 9))

    def test_colour_is_unsupported(self) -> None:
        """Only one component of 8 bits is a fingerprint here."""
        done, data = cv2.imencode(".jp2", np.zeros((64, 64, 3), np.uint8))
        assert done
        with pytest.raises(UnsupportedPicture):
            read_jpeg2000(data.tobytes())

    @pytest.mark.parametrize(("width", "height"), [(120, 90), (60_000, 60_000), (0, 0)])
    def test_a_header_box_with_another_size_is_a_lie(self, width: int, height: int) -> None:
        """The file's header box and its codestream must agree before a decoder sees either."""
        data = bytearray(pack_jpeg2000(small_picture()))
        at = data.index(b"ihdr") + 4
        data[at : at + 8] = struct.pack(">II", height, width)
        with pytest.raises(LyingLength, match=f"{width}x{height}"):
            read_jpeg2000(bytes(data))

    @pytest.mark.parametrize("name", [b"jp2h", b"ihdr"])
    def test_a_missing_header_box_is_refused(self, name: bytes) -> None:
        """The header is there, comes first, and begins with the image header."""
        data = pack_jpeg2000(small_picture()).replace(name, b"free")
        with pytest.raises(BadField):
            read_jpeg2000(data)

    @pytest.mark.parametrize("length", [0, 7, 0xFFFFFFFF])
    def test_lying_boxes_are_refused(self, length: int) -> None:
        """The box after the signature is too short or runs past the end."""
        data = pack_jpeg2000(small_picture())
        with pytest.raises(FingerFormatError):
            read_jpeg2000(data[:12] + struct.pack(">I", length) + data[16:])

    def test_other_bytes_are_not_jpeg2000(self) -> None:
        """A PNG is named as what it is not."""
        with pytest.raises(NotAFingerRecord):
            read_jpeg2000(grey_png(small_picture()))

    @given(at=st.integers(0, 200), value=st.integers(0, 255))
    @settings(deadline=None)
    def test_one_changed_byte_is_read_or_refused(self, at: int, value: int) -> None:
        """Damage gives other pixels of the same size, or an error of ours."""
        data = bytearray(pack_jpeg2000(small_picture()))
        data[at % len(data)] = value
        try:
            pixels = read_jpeg2000(bytes(data))
        except FingerFormatError:
            return
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 2


class TestRecordAndPicture:
    """The record's word about its picture is checked against the picture."""

    @pytest.mark.parametrize("compression", [Compression.PNG, Compression.JPEG2000_LOSSLESS, Compression.WSQ])
    def test_another_size_than_the_record_says_is_a_lie(self, compression: Compression) -> None:
        """One pixel more in the record than in the picture."""
        pixels = synthetic_print()[:80, :90].copy()
        packers: dict[Compression, Callable[[Pixels], bytes]] = {
            Compression.PNG: grey_png,
            Compression.JPEG2000_LOSSLESS: pack_jpeg2000,
            Compression.WSQ: lambda these: pack_wsq(these).data,
        }
        data = packers[compression](pixels)
        with pytest.raises(LyingLength, match="91x80"):
            pixels_of(packed(data, compression, 91, 80))

    @pytest.mark.parametrize("compression", [Compression.PACKED, Compression.JPEG])
    def test_what_is_not_read_says_so(self, compression: Compression) -> None:
        """Packed bits and JPEG are known to the standard, not to us."""
        with pytest.raises(UnsupportedPicture, match=compression.name):
            pixels_of(packed(b"\0", compression, 4, 4))

    def test_a_record_too_big_is_refused_before_its_picture_is_looked_at(self) -> None:
        """65535 x 65535 pixels of PNG in one byte."""
        with pytest.raises(PictureTooBig):
            pixels_of(packed(b"\0", Compression.PNG, 65535, 65535))
