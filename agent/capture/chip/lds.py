"""The data groups of the logical data structure that we read (Doc 9303-10)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from agent.capture.chip import tlv
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.mrz import Mrz

_TEXTS = frozenset({0x0C, 0x13, 0x16})  # UTF8String, PrintableString, IA5String


def parse_dg1(data: bytes, today: date | None = None) -> Mrz:
    """Parse DG1 (4.7.1); raise ChipDataError. `today` as Mrz.parse has it."""
    text = tlv.need(tlv.only(data, 0x61), 0x5F1F)
    try:
        return Mrz.parse(text.decode("ascii"), today)
    except UnicodeDecodeError as error:
        raise ChipDataError("DG1 is not ASCII") from error


@dataclass(frozen=True, slots=True)
class CitizenData:
    """The CCCD's DG13: field number -> text, or texts where the field holds several; NFC.

    `raw` holds the encoded values of fields that are no text.
    """

    fields: Mapping[int, str | tuple[str, ...]] = field(repr=False)
    raw: Mapping[int, bytes] = field(repr=False, default_factory=dict)

    def text(self, number: int) -> str:
        """Return a single text, empty when absent."""
        value = self.fields.get(number, "")
        return value if isinstance(value, str) else " ".join(value)


def parse_dg13(data: bytes) -> CitizenData:
    """Parse DG13: 6D { SEQUENCE { INTEGER, OID, SET OF SEQUENCE { INTEGER number, value } } }; raise ChipDataError."""
    sequence = tlv.only(tlv.only(data, 0x6D), 0x30)
    seen: set[int] = set()
    fields: dict[int, str | tuple[str, ...]] = {}
    raw: dict[int, bytes] = {}
    for item in tlv.items(tlv.need(sequence, 0x31)):
        number, value = _numbered(item)
        if number in seen:
            raise ChipDataError(f"DG13 has field {number} twice")
        seen.add(number)
        if value is None:
            continue
        if _is_text(value):
            fields[number] = _texts(value)
        else:
            raw[number] = tlv.encode(value.tag, value.value)
    return CitizenData(fields, raw)


def _numbered(item: tlv.Tlv) -> tuple[int, tlv.Tlv | None]:
    """Return a field's number and its value, None when it has none."""
    members = list(tlv.items(item.value))
    if item.tag != 0x30 or len(members) not in (1, 2):
        raise ChipDataError("DG13 field")
    number = members[0]
    if number.tag != 0x02 or len(number.value) != 1:
        raise ChipDataError("DG13 field number")
    return number.value[0], members[1] if len(members) > 1 else None


def _is_text(item: tlv.Tlv) -> bool:
    if item.tag == 0x30:
        return all(member.tag in _TEXTS for member in tlv.items(item.value))
    return item.tag in _TEXTS


def _texts(item: tlv.Tlv) -> str | tuple[str, ...]:
    if item.tag == 0x30:
        return tuple(_text(member) for member in tlv.items(item.value))
    return _text(item)


def _text(item: tlv.Tlv) -> str:
    try:
        text = unicodedata.normalize("NFC", item.value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ChipDataError("DG13 text is not UTF-8") from error
    # A chip must not steer the terminal or the page that shows its text.
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf") else c for c in text)
