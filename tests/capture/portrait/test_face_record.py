"""Face records of ISO/IEC 19794-5:2011: written byte by byte as the standard lays them out, read with distrust."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.portrait.errors import FaceRecordWrong
from agent.capture.portrait.face_record import (
    Encoding,
    FaceImage,
    Processing,
    read_face_record,
    sampling_level,
    write_face_record,
)

JPEG = bytes.fromhex("ffd8ffe000104a464946")
TAKEN = datetime(2025, 8, 7, 9, 30, 15, 250_000, UTC)
IMAGE = FaceImage(JPEG, 420, 540, TAKEN, Encoding.JPEG, 2, Processing.ROTATED | Processing.CROPPED)
# By hand from clauses 5.3 to 5.8.
BYTES = bytes.fromhex(
    "46414300 30333000 0000004e 0001 00 0000"  # FAC, 030, 78 bytes in all, one representation, no certification
    "0000003d 07e9 08 07 09 1e 0f 00fa 00 0000 0000 00"  # 61 bytes, 2025-08-07 09:30:15.250, device and quality unknown
    "0000 00 00 00 00 000000 0000 000000 000000"  # no landmarks, nothing said of the person
    "01 00 01a4 021c 02 0003 00 01"  # full frontal, JPEG, 420 x 540, level 2, rotated and cropped, 24-bit RGB
    "0000000a ffd8ffe000104a464946"
)


def test_a_record_is_laid_out_as_the_standard_says() -> None:
    """Each field at its place, worked out by hand."""
    assert write_face_record(IMAGE).hex() == BYTES.hex()
    assert len(BYTES) == 78


def test_a_record_is_read_as_it_was_written() -> None:
    """Nothing is lost."""
    assert read_face_record(BYTES) == [IMAGE]


@given(
    data=st.binary(max_size=200),
    width=st.integers(1, 65_535),
    height=st.integers(1, 65_535),
    taken=st.none() | st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # below
    level=st.integers(0, 255),
)
def test_any_picture_comes_back(data: bytes, width: int, height: int, taken: datetime | None, level: int) -> None:
    """Whatever its size and time, to the millisecond."""
    when = taken.replace(tzinfo=UTC, microsecond=taken.microsecond // 1000 * 1000) if taken else None
    image = FaceImage(JPEG + data, width, height, when, Encoding.JPEG, level)
    assert read_face_record(write_face_record(image)) == [image]


def test_quality_blocks_landmarks_and_several_pictures_are_read() -> None:
    """A record of another system: two representations, quality blocks and landmark points in between."""
    general, one = BYTES[:17], BYTES[17:]
    rich = bytearray(one[:19] + bytes(2 * 5) + one[19:36] + bytes(3 * 8) + one[36:])
    rich[18] = 2
    rich[29:31] = struct.pack(">H", 3)
    rich[:4] = struct.pack(">I", len(rich))
    both = bytes(rich) + one
    record = general[:8] + struct.pack(">IH", 17 + len(both), 2) + general[14:] + both
    assert read_face_record(record) == [IMAGE, IMAGE]


@pytest.mark.parametrize("cut", range(len(BYTES)))
def test_a_record_cut_at_any_byte_is_refused(cut: int) -> None:
    """Cut with its old length, and cut with a length that was put right."""
    part = BYTES[:cut]
    with pytest.raises(FaceRecordWrong):
        read_face_record(part)
    if cut >= 12:
        with pytest.raises(FaceRecordWrong):
            read_face_record(part[:8] + struct.pack(">I", cut) + part[12:])


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [
        (0, b"FAX", "no face record"),
        (4, b"010", "no face record"),
        (8, b"\xff\xff\xff\xff", "4294967295"),
        (12, b"\0\0", "no representation"),
        (12, b"\xff\xff", "claimed"),
        (14, b"\x01", "certification"),
        (17, b"\0\0\0\0", "claims 0 bytes"),
        (17, b"\xff\xff\xff\xff", "claims 4294967295"),
        (23, b"\x0d", "date of capture"),
        (35, b"\xff", "claimed"),
        (36, b"\xff\xff", "claimed"),
        (54, b"\x01", "image data type 1"),
        (54, b"\x09", "image data type 9"),
        (55, b"\0\0", "without pixels"),
        (64, b"\xff\xff\xff\xff", "claimed"),
        (64, b"\0\0\0\x09", "claims 61"),
        (68, b"\0", "image data type 0"),
    ],
)
def test_lying_fields_are_refused_by_name(at: int, value: bytes, told: str) -> None:
    """Wrong lengths, counts, types and dates: the error says what does not hold."""
    with pytest.raises(FaceRecordWrong, match=told):
        read_face_record(BYTES[:at] + value + BYTES[at + len(value) :])


@given(st.binary(max_size=120))
def test_any_bytes_are_a_record_or_refused(tail: bytes) -> None:
    """Nothing but our own error comes out, with the right start, too."""
    for data in (tail, BYTES[:17] + tail, BYTES[:8] + struct.pack(">I", 17 + len(tail)) + BYTES[12:17] + tail):
        try:
            assert read_face_record(data)
        except FaceRecordWrong:
            continue


@pytest.mark.parametrize(
    "image",
    [
        FaceImage(b"", 420, 540),
        FaceImage(JPEG, 0, 540),
        FaceImage(JPEG, 420, 65_536),
        FaceImage(JPEG, 420, 540, encoding=Encoding.PNG),
    ],
    ids=["empty", "no width", "too high", "another format"],
)
def test_what_does_not_go_into_a_record_is_refused(image: FaceImage) -> None:
    """A record that no reader could take is not written."""
    with pytest.raises(FaceRecordWrong):
        write_face_record(image)


@pytest.mark.parametrize(("width", "level"), [(100, 0), (180, 1), (239.9, 1), (240, 2), (370, 4), (750, 7), (2000, 7)])
def test_sampling_levels_are_those_of_the_table(width: float, level: int) -> None:
    """Pixels across the head (table 18)."""
    assert sampling_level(width) == level
