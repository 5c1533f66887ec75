"""DG13: the Vietnamese data group, numbered fields of which absent ones are left out."""

from __future__ import annotations

from datetime import date

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.profile import Person

_OID = tlv.encode(0x06, bytes.fromhex("28D316010008"))  # 1.0.10646.1.0.8
_SEX = {"M": "Nam", "F": "Nữ"}
_NO_END = "Không thời hạn"


def dg13(person: Person) -> bytes:
    """EF.DG13: 6D { SEQUENCE { 1, OID, SET { SEQUENCE { number, value } ... } } }."""
    single = (
        (1, person.number),
        (2, person.full_name),
        (3, _shown(person.birth_date)),
        (4, _SEX[person.sex]),
        (5, person.nationality),
        (6, person.ethnicity),
        (7, person.religion),
        (8, person.origin),
        (9, person.residence),
        (10, person.features),
        (11, _shown(person.issue_date)),
        (12, _shown(person.expiry_date)),
    )
    entries = [_entry(number, _text(text)) for number, text in single if text]
    if person.father or person.mother:
        entries.append(_entry(13, tlv.encode(0x30, _text(person.father) + _text(person.mother))))
    if person.spouse:
        entries.append(_entry(14, tlv.encode(0x30, _text(person.spouse))))
    last = ((15, person.old_number), (16, person.chip_serial))
    entries += [_entry(number, _text(text)) for number, text in last if text]
    content = tlv.encode(0x02, b"\x01") + _OID + tlv.encode(0x31, b"".join(entries))
    return tlv.encode(0x6D, tlv.encode(0x30, content))


def _entry(number: int, value: bytes) -> bytes:
    return tlv.encode(0x30, tlv.encode(0x02, bytes([number])) + value)


def _text(text: str) -> bytes:
    """PrintableString where the characters allow it, else UTF8String: cards carry both."""
    plain = text.isascii() and all(c.isalnum() or c in " '()+,-./:=?" for c in text)
    return tlv.encode(0x13 if plain else 0x0C, text.encode("utf-8"))


def _shown(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else _NO_END
