"""Finger image records: the standard's bytes, round trips, and records that lie."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iso19794 import FIR as ISO
from PIL import Image

from agent.capture.fingerprint.formats import (
    BadField,
    CaptureDevice,
    CertificationBlock,
    Compression,
    FingerFormatError,
    FingerImageRecord,
    Impression,
    LyingLength,
    NotAFingerRecord,
    Position,
    QualityBlock,
    Representation,
    Sampling,
    ScaleUnit,
    TruncatedFile,
    read_record,
    write_record,
)
from tests.capture.fingerprint.formats.prints import WHEN, cuts, raw, records, small_picture

# Byte by byte from the standard's tables: general header, representation header, 2 x 2 raw pixels.
ONE_FINGER = bytes.fromhex(
    "46495200 30323000 0000003d 0001 00 01"
    "0000002d 07ea 03 09 0e 05 3b 007b 04 0102 0304 00"
    "02 00 01 01f4 01f4 01f4 01f4 08 00 00 0002 0002 00000004"
    "00 40 80 ff"
)
COUNT, CERTIFIED, POSITIONS, FIRST = 12, 14, 15, 16
QUALITIES, DEPTH, SIZE, IMAGE_LENGTH = FIRST + 18, FIRST + 30, FIRST + 33, FIRST + 37


def one_finger() -> FingerImageRecord:
    """Return the record of those bytes."""
    pixels = bytes([0x00, 0x40, 0x80, 0xFF])
    device = CaptureDevice(4, 0x0102, 0x0304)
    return FingerImageRecord((Representation(Position.RIGHT_INDEX, 2, 2, Compression.RAW, pixels, WHEN, device),))


def patched(at: int, value: bytes) -> bytes:
    """Return the bytes with a lie in them."""
    return ONE_FINGER[:at] + value + ONE_FINGER[at + len(value) :]


class TestBytes:
    """What is written is what the standard's tables say."""

    def test_a_record_is_written_as_the_tables_say(self) -> None:
        """57 bytes around one picture of 4."""
        assert write_record(one_finger()) == ONE_FINGER
        assert len(ONE_FINGER) == 57 + 4

    def test_a_record_is_read_as_the_tables_say(self) -> None:
        """The same table, the other way."""
        assert read_record(ONE_FINGER) == one_finger()

    def test_blocks_take_five_and_three_bytes(self) -> None:
        """Quality: score, vendor, algorithm. Certification: authority, scheme, and a count in every representation."""
        base = one_finger().representations[0]
        graded = replace(base, qualities=(QualityBlock(62, 0x0101, 0x39), QualityBlock(255, 0, 0)))
        assert write_record(FingerImageRecord((graded,)))[QUALITIES : QUALITIES + 11].hex() == "023e01010039ff00000000"
        certified = replace(base, certifications=(CertificationBlock(0x78AB, 2),))
        data = write_record(FingerImageRecord((certified, base)))
        assert data[CERTIFIED] == 1
        assert data[QUALITIES : QUALITIES + 5].hex() == "000178ab02"
        assert read_record(data).representations == (certified, base)

    def test_an_unknown_date_is_all_ones(self) -> None:
        """Nine bytes of FF, and back to None."""
        undated = FingerImageRecord((raw(small_picture()),))
        data = write_record(undated)
        assert data[FIRST + 4 : FIRST + 13] == b"\xff" * 9
        assert read_record(data).representations[0].captured_at is None

    @given(record=records)
    @settings(deadline=None)
    def test_what_is_written_is_read_back(self, record: FingerImageRecord) -> None:
        """Any record survives the round trip, and its bytes too."""
        data = write_record(record)
        assert read_record(data) == record
        assert write_record(read_record(data)) == data

    def test_pictures_stay_out_of_the_repr(self) -> None:
        """Nothing that prints a record prints a finger."""
        assert "image=" not in repr(one_finger())
        assert repr(b"\x00@\x80\xff")[2:-1] not in repr(one_finger())


class TestCrossCheck:
    """An independent implementation writes what we read, and reads the header that we write."""

    @pytest.mark.parametrize("certified", [False, True])
    def test_we_read_what_iso19794_writes(self, certified: bool) -> None:
        """Two frames with every header field set to a value of its own."""
        pictures = [small_picture(20, 15), small_picture(31, 8)]
        frames = [Image.fromarray(each) for each in pictures]
        for number, frame in enumerate(frames):
            vars(frame)["header"] = _iso_header(number, certified)
        file = io.BytesIO()
        frames[0].save(file, "FIR", save_all=True, append_images=frames[1:])
        found = read_record(file.getvalue()).representations
        assert [one.image for one in found] == [each.tobytes() for each in pictures]
        expected = _ours(pictures[0], 0, certified)
        assert found[0] == expected
        assert write_record(FingerImageRecord(found)) == file.getvalue()

    @pytest.mark.parametrize("certified", [False, True])
    def test_iso19794_reads_the_header_that_we_write(self, certified: bool) -> None:
        """Its header parser alone: its picture part does not run on the Pillow that is installed."""
        record = FingerImageRecord((_ours(small_picture(20, 15), 3, certified),))
        data = write_record(record)
        opened = SimpleNamespace(info={"certification_flag": certified}, fp=io.BytesIO(data[FIRST:]))
        header, offset, rest = ISO.FIRImageFile.read_header(opened)
        assert offset == len(data) - FIRST - 20 * 15
        assert (rest.horizontal_line_length, rest.vertical_line_length, rest.image_data_length) == (20, 15, 300)
        assert {name: header[name] for name in _iso_header(3, certified) if name not in {"capture_datetime"}} == {
            name: value for name, value in _iso_header(3, certified).items() if name != "capture_datetime"
        }


class TestHostile:
    """Records that lie, are cut short, or hold what the standard does not know."""

    def test_a_record_cut_at_any_byte_is_refused(self) -> None:
        """Every beginning of a record is an error of ours."""
        for data in cuts(write_record(FingerImageRecord((raw(small_picture(3, 2)), raw(small_picture(2, 2)))))):
            with pytest.raises(FingerFormatError):
                read_record(data)

    @given(data=st.binary(max_size=120))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        """No other exception than ours, whatever follows the magic."""
        for begun in (data, ONE_FINGER[:8] + data, ONE_FINGER[:FIRST] + data):
            try:
                read_record(begun)
            except FingerFormatError:
                continue

    @given(at=st.integers(0, len(ONE_FINGER) - 1), value=st.integers(0, 255))
    def test_one_changed_byte_is_read_or_refused(self, at: int, value: int) -> None:
        """What is read after a change can be written, and comes out as it went in."""
        data = patched(at, bytes([value]))
        try:
            record = read_record(data)
        except FingerFormatError:
            return
        assert write_record(record) == data

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (b"FAC\0" + ONE_FINGER[4:], NotAFingerRecord),
            (patched(4, b"010\0"), NotAFingerRecord),
            (patched(8, struct.pack(">I", 60)), LyingLength),
            (patched(8, struct.pack(">I", 0xFFFFFFFF)), LyingLength),
            (patched(COUNT, b"\0\0"), BadField),
            (patched(COUNT, b"\0\2"), LyingLength),
            (patched(COUNT, b"\xff\xff"), BadField),
            (patched(CERTIFIED, b"\2"), BadField),
            (patched(CERTIFIED, b"\1"), FingerFormatError),
            (patched(POSITIONS, b"\2"), LyingLength),
            (patched(FIRST, struct.pack(">I", 0)), LyingLength),
            (patched(FIRST, struct.pack(">I", 40)), LyingLength),
            (patched(FIRST, struct.pack(">I", 46)), TruncatedFile),
            (patched(FIRST, struct.pack(">I", 0xFFFFFFFF)), TruncatedFile),
            (patched(FIRST + 6, b"\x0d"), BadField),
            (patched(FIRST + 11, b"\x03\xe8"), BadField),
            (patched(QUALITIES, b"\xff"), FingerFormatError),
            (patched(FIRST + 19, b"\x0b"), BadField),
            (patched(FIRST + 21, b"\x03"), BadField),
            (patched(FIRST + 22, b"\0\0"), BadField),
            (patched(DEPTH, b"\x10"), BadField),
            (patched(DEPTH + 1, b"\x07"), BadField),
            (patched(DEPTH + 2, b"\x1e"), BadField),
            (patched(SIZE, b"\0\0"), BadField),
            (patched(SIZE + 2, b"\0\0"), BadField),
            (patched(SIZE, b"\xff\xff\xff\xff"), LyingLength),
            (patched(IMAGE_LENGTH, struct.pack(">I", 0)), BadField),
            (patched(IMAGE_LENGTH, struct.pack(">I", 3)), LyingLength),
            (patched(IMAGE_LENGTH, struct.pack(">I", 0xFFFFFFFF)), TruncatedFile),
            (ONE_FINGER + b"\0", LyingLength),
        ],
        ids=[
            "magic", "version", "total short", "total huge", "no picture", "one picture too many", "65535 pictures",
            "certification flag", "certified without count", "positions", "length 0", "length below header",
            "length past end", "length huge", "month 13", "1000 ms", "255 quality blocks", "position", "scale unit",
            "rate 0", "depth 16", "compression", "impression", "width 0", "height 0", "size huge", "image length 0",
            "image length short", "image length huge", "byte too many",
        ],
    )  # fmt: skip
    def test_lies_are_named(self, data: bytes, error: type[FingerFormatError]) -> None:
        """Each lie has its own kind of error, with detail for the log."""
        with pytest.raises(error) as caught:
            read_record(data)
        assert caught.value.detail


class TestUnwritable:
    """What cannot be written cannot be made."""

    def test_local_times_are_refused(self) -> None:
        """The standard has no field for a zone, so only UTC gets in."""
        base = raw(small_picture())
        for when in (WHEN.replace(tzinfo=None), WHEN.astimezone(timezone(timedelta(hours=7)))):
            with pytest.raises(BadField, match="UTC"):
                replace(base, captured_at=when)

    def test_raw_pixels_have_the_length_of_their_size(self) -> None:
        """Width times height, no more and no less."""
        with pytest.raises(LyingLength):
            replace(raw(small_picture()), width=13)

    @pytest.mark.parametrize("score", [-1, 101, 254, 256])
    def test_scores_are_0_to_100_or_255(self, score: int) -> None:
        """Anything in between the two means nothing."""
        with pytest.raises(BadField):
            QualityBlock(score, 0, 0)

    def test_a_record_needs_a_picture(self) -> None:
        """An empty record is no record."""
        with pytest.raises(BadField):
            FingerImageRecord(())

    def test_errors_speak_vietnamese_first(self) -> None:
        """Code, words and remedy are there for the screen."""
        error = BadField("width is 0")
        assert error.code == "fingerprint.bad_field"
        assert error.words.vi
        assert error.remedy.vi


def _ours(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], number: int, certified: bool) -> Representation:
    return replace(
        raw(pixels, Position.LEFT_LITTLE),
        captured_at=datetime(2026, 3, 9, 14, 5, 59, 123000, UTC),
        device=CaptureDevice(7, 0xABCD, 0x1234),
        qualities=(QualityBlock(77, 0x0101, 0x0039), QualityBlock(5, 0, 9)),
        certifications=(CertificationBlock(0x78AB, 3),) if certified else (),
        number=number,
        sampling=Sampling(201, 202, 197, 198, ScaleUnit.PIXELS_PER_CM),
        impression=Impression.LIVE_SWIPE,
    )


def _iso_header(number: int, certified: bool) -> dict[str, object]:
    return {
        "capture_datetime": WHEN,
        "capture_device_technology_id": b"\x07",
        "capture_device_vendor_id": b"\xab\xcd",
        "capture_device_type_id": b"\x12\x34",
        "quality_records": [
            ISO.FIRQualityRecord(77, b"\x01\x01", b"\x00\x39"),
            ISO.FIRQualityRecord(5, b"\0\0", b"\0\x09"),
        ],
        "certification_records": [ISO.FIRCertificationRecord(b"\x78\xab", b"\x03")] if certified else [],
        "position": "LEFT_LITTLE_FINGER",
        "number": number,
        "scale_units": "PPCM",
        "horizontal_scan_sampling_rate": 201,
        "vertical_scan_sampling_rate": 202,
        "horizontal_image_sampling_rate": 197,
        "vertical_image_sampling_rate": 198,
        "image_compression_algo": "RAW",
        "impression_type": "LIVESCAN_SWIPE",
    }
