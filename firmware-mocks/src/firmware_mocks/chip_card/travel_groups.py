"""Data groups of passports: DG11, DG12, DG7 and DG16 (ICAO Doc 9303-10, 4.7.7 to 4.7.16)."""

from __future__ import annotations

from firmware_mocks.chip_card import mrz, tlv
from firmware_mocks.chip_card.profile import Person


def dg7(jpeg: bytes) -> bytes:
    """EF.DG7: one displayed signature."""
    return tlv.encode(0x67, tlv.encode(0x02, b"\x01") + tlv.encode(0x5F43, jpeg))


def dg11(person: Person) -> bytes:
    """EF.DG11: full name, other name, personal number, full date of birth, place of birth, address."""
    objects = [
        (0x5F0E, mrz.romanise(person.full_name).replace(" ", "<<", 1).replace(" ", "<")),
        (0x5F10, person.number),
        (0x5F2B, f"{person.birth_date:%Y%m%d}"),
        (0x5F11, person.origin),
        (0x5F42, person.residence),
    ]
    present = [(tag, text) for tag, text in objects if text]
    content = tlv.encode(0x5C, b"".join(tag.to_bytes(2, "big") for tag, _ in present))
    content += b"".join(tlv.encode(tag, text.encode("utf-8")) for tag, text in present)
    return tlv.encode(0x6B, content)


def dg12(person: Person) -> bytes:
    """EF.DG12: issuing authority and date of issue."""
    objects = ((0x5F19, "Cục Quản lý xuất nhập cảnh"), (0x5F26, f"{person.issue_date:%Y%m%d}"))
    content = tlv.encode(0x5C, b"".join(tag.to_bytes(2, "big") for tag, _ in objects))
    content += b"".join(tlv.encode(tag, text.encode("utf-8")) for tag, text in objects)
    return tlv.encode(0x6C, content)


def dg16(name: str, telephone: str) -> bytes:
    """EF.DG16: one person to notify."""
    person = tlv.encode(0x5F50, b"20240715") + tlv.encode(0x5F51, mrz.romanise(name).replace(" ", "<").encode("ascii"))
    person += tlv.encode(0x5F52, telephone.encode("ascii"))
    return tlv.encode(0x70, tlv.encode(0x02, b"\x01") + tlv.encode(0xA1, person))
