"""The optional data groups of travel documents and EF.COM (Doc 9303-10, 4.6.1, 4.7.7, 4.7.11, 4.7.12, 4.7.16)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.capture.chip import tlv
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.faces import FaceImage

MAX_ITEMS = 32
# Data objects of DG11 and DG12 by their tags, named as the standard does.
PERSONAL_DETAILS = {
    0x5F0E: "full_name",
    0x5F0F: "other_names",
    0x5F10: "personal_number",
    0x5F2B: "full_date_of_birth",
    0x5F11: "place_of_birth",
    0x5F42: "permanent_address",
    0x5F12: "telephone",
    0x5F13: "profession",
    0x5F14: "title",
    0x5F15: "personal_summary",
    0x5F17: "other_travel_documents",
    0x5F18: "custody_information",
}
DOCUMENT_DETAILS = {
    0x5F19: "issuing_authority",
    0x5F26: "date_of_issue",
    0x5F1A: "other_persons",
    0x5F1B: "endorsements",
    0x5F1C: "tax_exit_requirements",
    0x5F55: "personalisation_time",
    0x5F56: "personalisation_system",
}
# The outer tags of DG1 to DG16 (4.6.1, table 35).
_GROUP_TAGS = bytes.fromhex("6175637665666768696A6B6C6D6E6F70")
_LIST, _NESTED, _JPEG = 0x5C, 0xA0, b"\xff\xd8\xff"
# Pictures are left where they are: their hashes are checked, nobody reads them here.
_PICTURES = frozenset({0x5F16, 0x5F1D, 0x5F1E})


@dataclass(frozen=True, slots=True)
class Details:
    """Texts of DG11 or DG12 by name, NFC; `unknown` are the tags of objects that the standard does not name."""

    texts: Mapping[str, str] = field(repr=False)
    unknown: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CommonData:
    """EF.COM: LDS and Unicode version, and the tags of the data groups that it lists. It is not signed."""

    lds_version: str
    unicode_version: str
    tags: bytes

    @property
    def data_groups(self) -> frozenset[int]:
        """The data groups by number; raises ChipDataError for a tag of none."""
        unknown = sorted(set(self.tags) - set(_GROUP_TAGS))
        if unknown:
            raise ChipDataError(f"EF.COM lists tag {unknown[0]:02X}")
        return frozenset(_GROUP_TAGS.index(tag) + 1 for tag in self.tags)


@dataclass(frozen=True, slots=True)
class PersonToNotify:
    """One person of DG16; all of it personal."""

    name: str = field(repr=False)
    telephone: str = field(repr=False)
    address: str = field(repr=False)


def parse_com(data: bytes) -> CommonData:
    """Parse EF.COM; raise ChipDataError."""
    content = tlv.only(data, 0x60)
    lds, unicode_version = (_text(tlv.need(content, tag)) for tag in (0x5F01, 0x5F36))
    return CommonData(lds, unicode_version, tlv.need(content, _LIST))


def parse_dg7(data: bytes) -> tuple[FaceImage, ...]:
    """Return the displayed signatures of DG7; raise ChipDataError."""
    images = [item.value for item in tlv.items(tlv.only(data, 0x67)) if item.tag == 0x5F43]
    if not 1 <= len(images) <= MAX_ITEMS:
        raise ChipDataError("DG7 has no signature")
    return tuple(FaceImage("image/jpeg" if image.startswith(_JPEG) else "image/jp2", image) for image in images)


def parse_dg11(data: bytes) -> Details:
    """Parse the additional personal details; raise ChipDataError."""
    return _details(tlv.only(data, 0x6B), PERSONAL_DETAILS)


def parse_dg12(data: bytes) -> Details:
    """Parse the additional document details; raise ChipDataError."""
    return _details(tlv.only(data, 0x6C), DOCUMENT_DETAILS)


def parse_dg16(data: bytes) -> tuple[PersonToNotify, ...]:
    """Parse the persons to notify; raise ChipDataError."""
    people = []
    for number, item in enumerate(tlv.items(tlv.only(data, 0x70))):
        if number > MAX_ITEMS:
            raise ChipDataError("DG16 has too many persons")
        if item.tag == 0x02:
            continue
        texts = [_text(tlv.find(item.value, tag) or b"").replace("<", " ") for tag in (0x5F51, 0x5F52, 0x5F53)]
        people.append(PersonToNotify(*(" ".join(text.split()) for text in texts)))
    return tuple(people)


def _details(content: bytes, names: Mapping[int, str]) -> Details:
    texts: dict[str, str] = {}
    unknown: list[int] = []
    for number, item in enumerate(_flat(content)):
        if number > MAX_ITEMS:
            raise ChipDataError("too many data objects")
        name = names.get(item.tag)
        if name is None:
            unknown += [] if item.tag in _PICTURES else [item.tag]
        elif name in texts:
            texts[name] += f"; {_text(item.value)}"
        else:
            texts[name] = _shown(name, item.value)
    return Details(texts, tuple(unknown))


def _flat(content: bytes) -> list[tlv.Tlv]:
    """Return the objects, those of repeated ones (A0 { 02 count, object ... }) among them."""
    flat: list[tlv.Tlv] = []
    for item in tlv.items(content):
        if item.tag == _NESTED:
            flat += [inner for inner in tlv.items(item.value) if inner.tag != 0x02]
        elif item.tag != _LIST:
            flat.append(item)
    return flat


def _shown(name: str, value: bytes) -> str:
    """Return a text; dates may be packed, two digits to a byte (4.7.11)."""
    if name in ("full_date_of_birth", "date_of_issue") and len(value) == 4:
        return value.hex()
    text = _text(value)
    return " ".join(text.replace("<", " ").split()) if name in ("full_name", "other_names") else text


def _text(value: bytes) -> str:
    try:
        text = unicodedata.normalize("NFC", value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ChipDataError("text is not UTF-8") from error
    # A chip must not steer the terminal or the page that shows its text.
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf") else c for c in text)
