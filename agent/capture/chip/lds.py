"""The data groups of the logical data structure that we read (Doc 9303-10)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.capture.chip import tlv
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.mrz import Mrz

FACIAL_HEADER_BYTES = 14
FACE_INFORMATION_BYTES = 20
FEATURE_POINT_BYTES = 8
IMAGE_INFORMATION_BYTES = 12
MAX_FEATURE_POINTS = 1000
_IMAGE_TYPES = {0: "image/jpeg", 1: "image/jp2"}
_MAGICS = {"image/jpeg": (b"\xff\xd8\xff",), "image/jp2": (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")}


def parse_dg1(data: bytes) -> Mrz:
    """Parse DG1 (4.7.1); raise ChipDataError."""
    text = tlv.need(tlv.only(data, 0x61), 0x5F1F)
    try:
        return Mrz.parse(text.decode("ascii"))
    except UnicodeDecodeError as error:
        raise ChipDataError("DG1 is not ASCII") from error


@dataclass(frozen=True, slots=True)
class FaceImage:
    """A portrait as the chip holds it: `media_type` is image/jpeg or image/jp2."""

    media_type: str
    data: bytes = field(repr=False)


def parse_dg2(data: bytes) -> FaceImage:
    """Return the first portrait of DG2 (4.7.2; ISO/IEC 19794-5:2005, 5); raise ChipDataError."""
    group = tlv.need(tlv.only(data, 0x75), 0x7F61)
    template = tlv.need(group, 0x7F60)
    record = tlv.find(template, 0x5F2E) or tlv.find(template, 0x7F2E)
    if record is None:
        raise ChipDataError("DG2 has no biometric data block")
    if record[:8] != b"FAC\x00010\x00" or len(record) < FACIAL_HEADER_BYTES + FACE_INFORMATION_BYTES:
        raise ChipDataError("DG2 is not ISO/IEC 19794-5:2005")
    face = record[FACIAL_HEADER_BYTES:]
    length, points = int.from_bytes(face[:4]), int.from_bytes(face[4:6])
    image_at = FACE_INFORMATION_BYTES + points * FEATURE_POINT_BYTES
    if points > MAX_FEATURE_POINTS or not image_at + IMAGE_INFORMATION_BYTES < length <= len(face):
        raise ChipDataError("DG2 claims more than it holds")
    media_type = _IMAGE_TYPES.get(face[image_at + 1], "")
    image = face[image_at + IMAGE_INFORMATION_BYTES : length]
    if not image.startswith(_MAGICS.get(media_type, (b"?",))):
        raise ChipDataError("DG2 holds no JPEG or JPEG 2000")
    return FaceImage(media_type, image)


@dataclass(frozen=True, slots=True)
class CitizenData:
    """The CCCD's DG13: field number -> text, or texts where the field holds several; NFC."""

    fields: Mapping[int, str | tuple[str, ...]] = field(repr=False)

    def text(self, number: int) -> str:
        """Return a single text, empty when absent."""
        value = self.fields.get(number, "")
        return value if isinstance(value, str) else " ".join(value)


def parse_dg13(data: bytes) -> CitizenData:
    """Parse DG13: 6D { SEQUENCE { INTEGER, OID, SET OF SEQUENCE { INTEGER number, value } } }; raise ChipDataError."""
    sequence = tlv.only(tlv.only(data, 0x6D), 0x30)
    fields: dict[int, str | tuple[str, ...]] = {}
    for item in tlv.items(tlv.need(sequence, 0x31)):
        members = list(tlv.items(item.value))
        if item.tag != 0x30 or not members or members[0].tag != 0x02:
            raise ChipDataError("DG13 field")
        if len(members) > 1:
            fields[int.from_bytes(members[0].value)] = _value(members[1])
    return CitizenData(fields)


def _value(item: tlv.Tlv) -> str | tuple[str, ...]:
    if item.tag == 0x30:
        return tuple(_text(member) for member in tlv.items(item.value))
    return _text(item)


def _text(item: tlv.Tlv) -> str:
    if item.tag not in (0x0C, 0x13, 0x16):  # UTF8String, PrintableString, IA5String
        raise ChipDataError(f"DG13 text of type {item.tag:02X}")
    try:
        return unicodedata.normalize("NFC", item.value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ChipDataError("DG13 text is not UTF-8") from error
