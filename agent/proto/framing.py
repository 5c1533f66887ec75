"""Protobuf's wire form by hand, for the messages that carry a ciphertext: the library would copy it twice each way.

Only what protobuf itself would write is read here; everything else is left to the library.
"""

from __future__ import annotations

VARINT, LENGTH_DELIMITED = 0, 2
MAX_VARINT_BYTES = 10
U64 = 2**64 - 1


def varint(number: int) -> bytes:
    """Return a base-128 number (protobuf encoding, "Base 128 Varints")."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def piece(field: int, data: bytes) -> tuple[bytes, bytes]:
    """Return tag and length of a bytes field, and its data untouched."""
    return varint(field << 3 | LENGTH_DELIMITED) + varint(len(data)), data


def number(field: int, value: int) -> bytes:
    """Return an integer field; nothing for 0, as proto3 leaves it away. Raises ValueError outside 64 bits."""
    if not 0 <= value <= U64:
        raise ValueError("not an unsigned number of 64 bits")
    return varint(field << 3 | VARINT) + varint(value) if value else b""


def split(data: memoryview) -> dict[int, int | memoryview] | None:
    """Return the fields of a message with nothing but integers and bytes, each at most once; None for any other."""
    found: dict[int, int | memoryview] = {}
    place = 0
    while place < len(data):
        tag, place = _varint_at(data, place)
        value, place = _varint_at(data, place)
        field, kind = tag >> 3, tag & 7
        if place < 0 or field == 0 or field in found or kind not in {VARINT, LENGTH_DELIMITED}:
            return None
        if kind == VARINT:
            found[field] = value
            continue
        if value > len(data) - place:
            return None
        found[field] = data[place : place + value]
        place += value
    return found


def _varint_at(data: memoryview, place: int) -> tuple[int, int]:
    """Return a number and the place behind it; the place is -1 when there is none."""
    value = 0
    for count, byte in enumerate(data[place : place + MAX_VARINT_BYTES] if place >= 0 else b""):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return (value, place + count + 1) if value <= U64 else (0, -1)
    return 0, -1
