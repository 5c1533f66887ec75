from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card import mrz as mock_mrz
from firmware_mocks.chip_card.portrait import dg2, drawn_portrait, extensible_record, facial_record
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import TRAVEL_DOCUMENT, ChipDataError, ChipPolicy, MrzInformation
from agent.capture.chip.faces import MAX_FACES, parse_faces
from agent.capture.chip.tlv import encode

JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(20)


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    """Draw one portrait."""
    return drawn_portrait(3)


def group(*templates: bytes) -> bytes:
    """Make a DG2 of biometric data blocks with their tags."""
    count = encode(0x02, bytes([len(templates)]))
    return encode(0x75, encode(0x7F61, count + b"".join(encode(0x7F60, template) for template in templates)))


def test_several_templates(jpeg: bytes) -> None:
    """Each a portrait, in their order, in both forms of record."""
    other = drawn_portrait(4)
    older, newer = encode(0x5F2E, facial_record(jpeg)), encode(0x7F2E, extensible_record(other))
    assert [face.data for face in parse_faces(group(older, newer))] == [jpeg, other]


def test_several_faces_in_one_record(jpeg: bytes) -> None:
    """ISO/IEC 19794-5: one facial header, then face after face."""
    one = facial_record(jpeg)
    body = one[14:] * 3
    record = one[:8] + (14 + len(body)).to_bytes(4) + (3).to_bytes(2) + body
    assert [face.data for face in parse_faces(group(encode(0x5F2E, record)))] == [jpeg] * 3


def test_a_count_that_lies_is_refused(jpeg: bytes) -> None:
    """More faces than bytes."""
    record = bytearray(facial_record(jpeg))
    record[13] = 2
    with pytest.raises(ChipDataError, match="claims more"):
        parse_faces(group(encode(0x5F2E, bytes(record))))


def test_too_many_faces_are_refused(jpeg: bytes) -> None:
    """Memory is bounded."""
    with pytest.raises(ChipDataError, match="more than"):
        parse_faces(group(*[encode(0x5F2E, facial_record(jpeg))] * (MAX_FACES + 1)))


def test_the_newer_record_with_jpeg_2000() -> None:
    """ISO/IEC 39794-5 may hold either."""
    faces = parse_faces(group(encode(0x7F2E, extensible_record(JP2))))
    assert [(face.media_type, face.data) for face in faces] == [("image/jp2", JP2)]


def test_a_chip_with_the_newer_record(new_link: Callable[..., Any], read: Callable[..., Any], portrait: bytes) -> None:
    """LDS 1.8, read to the end."""
    key = MrzInformation(mock_mrz.passport_information(DEFAULT_PERSON))
    result = read(new_link(document="passport-aes256"), key=key, policy=ChipPolicy(document=TRAVEL_DOCUMENT))
    assert result.portrait is not None
    assert result.portrait.data == portrait


@pytest.mark.parametrize("image", [b"", b"BM", b"GIF89a"])
def test_other_pictures_are_refused(image: bytes) -> None:
    """Nothing but JPEG and JPEG 2000."""
    with pytest.raises(ChipDataError, match="no JPEG"):
        parse_faces(group(encode(0x7F2E, extensible_record(image))))


def test_truncation_at_every_byte_is_refused() -> None:
    """Of the newer record; the older one's is in test_lds.py."""
    whole = dg2(JP2, extensible=True)
    for cut in range(len(whole)):
        with pytest.raises(ChipDataError):
            parse_faces(whole[:cut])


@given(st.binary(max_size=100))
def test_any_record_is_parsed_or_refused(data: bytes) -> None:
    """Nothing but ChipDataError."""
    for record in (data, encode(0x65, data), b"FAC\x00010\x00" + data):
        for tag in (0x5F2E, 0x7F2E):
            with pytest.raises(ChipDataError):
                parse_faces(group(encode(tag, record)))
