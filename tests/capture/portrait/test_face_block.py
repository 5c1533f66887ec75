"""Face image data blocks of ISO/IEC 39794-5: written byte by byte as annex A lays them out, read with distrust."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import tlv
from agent.capture.chip.faces import parse_faces
from agent.capture.portrait.errors import FaceRecordWrong
from agent.capture.portrait.face_block import read_face_block, write_face_block
from agent.capture.portrait.face_record import Encoding, FaceImage, Processing

JPEG = bytes.fromhex("ffd8ffe000104a464946")
TAKEN = datetime(2025, 8, 7, 9, 30, 15, 250_000, UTC)
IMAGE = FaceImage(JPEG, 420, 540, TAKEN, Encoding.JPEG, 0, Processing.ROTATED | Processing.CROPPED)
# By hand from annex A.
BYTES = bytes.fromhex(
    "65 5e"  # [APPLICATION 5] face image data block
    "a0 07 80 01 03 81 02 07e3"  # version: generation 3, year 2019
    "a1 53 30 51"  # representations, the one
    "80 01 00"  # its id
    "a1 33 a0 31 a0 2f"  # image representation, base, two-dimensional
    "80 0a ffd8ffe000104a464946"  # the picture
    "a1 21"  # information
    "a0 03 80 01 02"  # format: JPEG
    "a1 03 80 01 00"  # kind: MRTD
    "a2 06 80 01 ff 81 01 ff"  # rotated, cropped
    "a7 08 80 02 01a4 81 02 021c"  # 420 x 540
    "a9 03 80 01 02"  # 24-bit RGB
    "a2 17 80 02 07e9 81 01 08 82 01 07 83 01 09 84 01 1e 85 01 0f 86 02 00fa"  # 2025-08-07 09:30:15.250
)


def test_a_block_is_laid_out_as_the_standard_says() -> None:
    """Each field under its tag, worked out by hand."""
    assert write_face_block(IMAGE).hex() == BYTES.hex()


def test_a_block_is_read_as_it_was_written() -> None:
    """Nothing is lost."""
    assert read_face_block(BYTES) == [IMAGE]


def test_another_decoder_finds_the_picture() -> None:
    """A general ASN.1 library takes it as DER, and the reader of DG2 finds the picture in it."""
    assert core.Asn1Value.load(BYTES, strict=True).contents is not None
    group = tlv.encode(0x75, tlv.encode(0x7F61, tlv.encode(0x7F60, tlv.encode(0x7F2E, tlv.encode(0xA1, BYTES)))))
    assert parse_faces(group)[0].data == JPEG


@given(
    data=st.binary(max_size=200),
    width=st.integers(1, 65_535),
    height=st.integers(1, 65_535),
    taken=st.none() | st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    processing=st.integers(0, 7),
)
def test_any_picture_comes_back(data: bytes, width: int, height: int, taken: datetime | None, processing: int) -> None:
    """Whatever its size and time, to the millisecond."""
    when = taken.replace(tzinfo=UTC, microsecond=taken.microsecond // 1000 * 1000) if taken else None
    image = FaceImage(JPEG + data, width, height, when, processing=Processing(processing))
    assert read_face_block(write_face_block(image)) == [image]


def test_what_others_add_is_passed_over() -> None:
    """Quality, device and landmark blocks, and fields of a later edition; a date without a time of day."""
    without_date, others = BYTES[15:-25], "a2 04 80 02 07e9 a3 03 30 01 80 a7 00 a9 00 aa 01 00"
    (image,) = read_face_block(_block(without_date + bytes.fromhex(others)))
    assert image.taken == datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(FaceRecordWrong):
        read_face_block(_block(without_date + bytes.fromhex("a9 00 a7 00")))  # out of order


def _block(representation: bytes) -> bytes:
    version = tlv.encode(0xA0, bytes.fromhex("800103810207e3"))
    return tlv.encode(0x65, version + tlv.encode(0xA1, tlv.encode(0x30, representation)))


def test_several_representations_are_read() -> None:
    """In their order."""
    version, one = BYTES[2:11], BYTES[13:]
    assert read_face_block(tlv.encode(0x65, version + tlv.encode(0xA1, one * 3))) == [IMAGE] * 3


def test_a_block_cut_off_anywhere_is_refused() -> None:
    """At every byte."""
    for length in range(len(BYTES)):
        with pytest.raises(FaceRecordWrong):
            read_face_block(BYTES[:length])


def test_a_block_with_any_byte_changed_is_read_or_refused() -> None:
    """Never another error, whatever bit was turned; and never other pixels than the data has."""
    for at in range(len(BYTES)):
        for bit in range(8):
            changed = bytearray(BYTES)
            changed[at] ^= 1 << bit
            try:
                (image,) = read_face_block(bytes(changed))
            except FaceRecordWrong:
                continue
            assert image.data.startswith(b"\xff\xd8\xff")


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No other error."""
    for hostile in (data, b"\x65" + data, _block(data)):
        try:
            read_face_block(hostile)
        except FaceRecordWrong:
            continue


@pytest.mark.parametrize(
    "image",
    [
        FaceImage(b"no jpeg", 420, 540),
        FaceImage(JPEG, 0, 540),
        FaceImage(JPEG, 420, 65_536),
        FaceImage(JPEG, 420, 540, encoding=Encoding.PNG),
    ],
    ids=["no picture", "no width", "too high", "another encoding"],
)
def test_what_does_not_go_into_a_block_is_refused(image: FaceImage) -> None:
    """The data must be what the fields say."""
    with pytest.raises(FaceRecordWrong):
        write_face_block(image)


def test_a_block_of_many_megabytes_is_refused_unread() -> None:
    """Before anything in it is looked at."""
    with pytest.raises(FaceRecordWrong):
        read_face_block(bytes(64 * 1024 * 1024 + 1))
