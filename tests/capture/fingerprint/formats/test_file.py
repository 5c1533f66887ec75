"""Files from anywhere: the first bytes tell the kind, the file tells resolution and finger where it can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.fingerprint.formats import (
    BadField,
    FingerFormatError,
    FingerImageRecord,
    LyingLength,
    NotAFingerRecord,
    PictureTooBig,
    Position,
    Sampling,
    ScaleUnit,
    UnsupportedPicture,
    pack_jpeg2000,
    pack_wsq,
    read_file,
    write_record,
)
from agent.capture.fingerprint.png import png
from agent.devices.seams import FingerImage
from tests.capture.fingerprint.formats.prints import cuts, grey_png, raw, small_picture, synthetic_print


def pgm(header: bytes = b"P5\n12 9\n255\n") -> bytes:
    """Return a PGM of the small picture."""
    return header + small_picture().tobytes()


class TestKinds:
    """Every kind is told from its bytes and read."""

    def test_our_master_tells_its_resolution(self) -> None:
        """The PNG that the capture keeps, with different rates across and down."""
        (found,) = read_file(png(FingerImage(small_picture(), 512.0, 498.0, 0.0)))
        assert found.kind == "PNG"
        assert found.ppi == pytest.approx((512.0, 498.0), abs=0.02)
        assert np.array_equal(found.pixels, small_picture())

    def test_a_png_without_resolution_tells_none(self) -> None:
        """Nothing is invented."""
        assert read_file(grey_png(small_picture()))[0].ppi is None

    @pytest.mark.parametrize(
        "header", [b"P5\n12 9\n255\n", b"P5 12 9 255 ", b"P5\n# made by hand\n12 9\n# 8 bit\n255\n"]
    )
    def test_pgm(self, header: bytes) -> None:
        """Blanks, lines and comments as Netpbm allows them."""
        (found,) = read_file(pgm(header))
        assert (found.kind, found.ppi) == ("PGM", None)
        assert np.array_equal(found.pixels, small_picture())

    def test_jpeg2000(self) -> None:
        """JP2 by its signature box."""
        (found,) = read_file(pack_jpeg2000(small_picture()))
        assert found.kind == "JPEG 2000"
        assert np.array_equal(found.pixels, small_picture())

    def test_wsq(self) -> None:
        """WSQ states 500 ppi."""
        (found,) = read_file(pack_wsq(synthetic_print()).data)
        assert (found.kind, found.ppi, found.pixels.shape) == ("WSQ", (500.0, 500.0), (290, 384))

    def test_a_record_gives_all_its_fingers(self) -> None:
        """Position and resolution come along; pixels per centimetre are turned into inches."""
        per_cm = Sampling(197, 197, 197, 200, ScaleUnit.PIXELS_PER_CM)
        fingers = (raw(small_picture(), Position.LEFT_RING), replace(raw(small_picture(5, 4)), sampling=per_cm))
        first, second = read_file(write_record(FingerImageRecord(fingers)))
        assert (first.kind, first.position, first.ppi) == ("ISO/IEC 19794-4 RAW", Position.LEFT_RING, (500.0, 500.0))
        assert second.ppi == pytest.approx((500.38, 508.0))
        assert np.array_equal(second.pixels, small_picture(5, 4))


class TestHostile:
    """What is no fingerprint is refused with its reason."""

    @pytest.mark.parametrize("data", [b"", b"P", b"GIF89a", b"\xff\xd8\xff\xe0", b"%PDF-1.7"])
    def test_other_files_are_named(self, data: bytes) -> None:
        """The detail has the first bytes, if there are any."""
        with pytest.raises(NotAFingerRecord, match=f"begins with {data[:8].hex()}" if data else "the file is empty"):
            read_file(data)

    def test_a_pgm_cut_at_any_byte_is_refused(self) -> None:
        """Every beginning of a picture is an error of ours."""
        for data in cuts(pgm()):
            with pytest.raises(FingerFormatError):
                read_file(data)

    @pytest.mark.parametrize(
        ("header", "error"),
        [
            (b"P5\n60000 60000\n255\n", PictureTooBig),
            (b"P5\n0 9\n255\n", BadField),
            (b"P5\n12 9\n65535\n", UnsupportedPicture),
            (b"P5\n12 10\n255\n", LyingLength),
            (b"P5\n12 8\n255\n", LyingLength),
            (b"P5\n-12 9\n255\n", BadField),
            (b"P5\n1234567 9\n255\n", BadField),
            (b"P5" + b" " * 5000, BadField),
            (b"P5" + b"#" * 5000, BadField),
        ],
    )
    def test_lying_pgm_headers_are_refused(self, header: bytes, error: type[FingerFormatError]) -> None:
        """Sizes, greys and endless blanks."""
        with pytest.raises(error):
            read_file(pgm(header))

    @given(start=st.sampled_from([b"", b"P5\n", b"FIR\0020\0", b"\xff\xa0", b"\xff\x4f\xff\x51"]), data=st.binary())
    @settings(deadline=None)
    def test_any_bytes_are_refused(self, start: bytes, data: bytes) -> None:
        """No other exception than ours."""
        with pytest.raises(FingerFormatError):
            read_file(start + data)
