from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card import travel_groups as mock
from firmware_mocks.chip_card.files import COM
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError
from agent.capture.chip.tlv import encode
from agent.capture.chip.travel_groups import parse_com, parse_dg7, parse_dg11, parse_dg12, parse_dg16

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
FILES: dict[str, tuple[Callable[[bytes], Any], bytes, int]] = {
    "DG7": (parse_dg7, mock.dg7(JPEG), 0x67),
    "DG11": (parse_dg11, mock.dg11(DEFAULT_PERSON), 0x6B),
    "DG12": (parse_dg12, mock.dg12(DEFAULT_PERSON), 0x6C),
    "DG16": (parse_dg16, mock.dg16("Trần Thị Thử", "0123"), 0x70),
}


def test_personal_details() -> None:
    """With diacritics, and names without fillers."""
    details = parse_dg11(mock.dg11(DEFAULT_PERSON))
    assert details.texts["full_name"] == "NGUYEN THI MAU"
    assert details.texts["personal_number"] == DEFAULT_PERSON.number
    assert details.texts["full_date_of_birth"] == "19990101"
    assert details.texts["permanent_address"] == DEFAULT_PERSON.residence
    assert details.unknown == ()


def test_document_details_and_packed_dates() -> None:
    """Some documents pack two digits to a byte."""
    assert parse_dg12(mock.dg12(DEFAULT_PERSON)).texts["date_of_issue"] == "20240715"
    packed = encode(0x6C, encode(0x5C, b"\x5f\x26") + encode(0x5F26, bytes.fromhex("20240715")))
    assert parse_dg12(packed).texts["date_of_issue"] == "20240715"


def test_repeated_and_unknown_objects() -> None:
    """Other names come in A0; what nobody knows is named by its tag."""
    names = encode(0xA0, encode(0x02, b"\x02") + encode(0x5F0F, b"A<<B") + encode(0x5F0F, b"C"))
    details = parse_dg11(encode(0x6B, encode(0x5C, b"\x5f\x0f") + names + encode(0x5F7E, b"?")))
    assert details.texts["other_names"] == "A B; C"
    assert details.unknown == (0x5F7E,)


def test_signature_persons_to_notify_and_nothing_printed() -> None:
    """DG7 and DG16."""
    assert parse_dg7(mock.dg7(JPEG))[0].data == JPEG
    people = parse_dg16(mock.dg16("Trần Thị Thử", "0123"))
    assert [(person.name, person.telephone) for person in people] == [("TRAN THI THU", "0123")]
    assert "TRAN" not in repr(people)
    assert "NGUYEN" not in repr(parse_dg11(mock.dg11(DEFAULT_PERSON)))


def test_the_index_of_the_mock_chip(new_link: Callable[..., Any]) -> None:
    """EF.COM tells versions and groups; it is not signed and nothing rests on it."""
    common = parse_com(new_link().card._chip.files.application[COM])
    assert (common.lds_version, common.unicode_version) == ("0107", "040000")
    assert common.tags.hex() == "6175636d6e6f"


@pytest.mark.parametrize("name", FILES)
def test_truncation_at_every_byte_is_refused(name: str) -> None:
    """No cut is taken for a whole."""
    parse, data, _ = FILES[name]
    for cut in range(len(data)):
        with pytest.raises(ChipDataError):
            parse(data[:cut])


@pytest.mark.parametrize("name", FILES)
@given(data=st.binary(max_size=120))
def test_any_content_is_parsed_or_refused(name: str, data: bytes) -> None:
    """Nothing but ChipDataError."""
    parse, _, tag = FILES[name]
    for content in (data, encode(tag, data), encode(tag, encode(0xA0, data))):
        try:
            parse(content)
        except ChipDataError:
            continue


@pytest.mark.parametrize("name", ["DG7", "DG11", "DG12", "DG16"])
def test_floods_are_refused(name: str) -> None:
    """A thousand objects."""
    parse, _, tag = FILES[name]
    with pytest.raises(ChipDataError):
        parse(encode(tag, encode(0x5F43, JPEG) * 1000))
