"""DER (ITU-T X.690) as far as the blocks of ISO/IEC 39794 need it: tags of one byte, short lengths, numbers.

Written is always DER. Read is with distrust: no length is believed, and what is not DER is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

MOST_LENGTH_BYTES = 4
CONTEXT, CONSTRUCTED, APPLICATION = 0x80, 0x20, 0x40
SEQUENCE = 0x30


class NotDer(ValueError):
    """Bytes that are not the one DER form of what is expected; whoever reads a format says it in its own words."""


class WrongLength(NotDer):
    """A length that is cut off, claims more than there is, or is not as short as it can be."""


def encode(tag: int, *contents: bytes) -> bytes:
    """Return one element with a tag of one byte."""
    value = b"".join(contents)
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + value


def encode_number(tag: int, number: int) -> bytes:
    """Return an INTEGER or ENUMERATED of 0 or more under an implicit tag."""
    return encode(tag, number.to_bytes(number.bit_length() // 8 + 1))


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and value of each element of `data`; raise NotDer where it is not DER."""
    at = 0
    while at < len(data):
        tag = data[at]
        if tag & 0x1F == 0x1F:
            raise NotDer(f"tag {tag:02X} of several bytes")
        length, at = _length(data, at + 1)
        if length > len(data) - at:
            raise WrongLength(f"tag {tag:02X} claims {length} bytes where {len(data) - at} are left")
        yield tag, data[at : at + length]
        at += length


def fields(data: bytes) -> dict[int, bytes]:
    """Return a sequence's context elements by tag; raise NotDer when one is none, comes twice or out of order."""
    found: dict[int, bytes] = {}
    for tag, value in elements(data):
        if tag & (CONTEXT | APPLICATION) != CONTEXT:
            raise NotDer(f"tag {tag:02X} is no context element")
        # Automatic tags count up; whether an element is primitive (bit 6) does not matter.
        if found and tag & 0x1F <= list(found)[-1] & 0x1F:
            raise NotDer(f"tag {tag:02X} is not where it belongs")
        found[tag] = value
    return found


def only(data: bytes, tag: int) -> bytes:
    """Return the value of the one element that is all of `data`; raise NotDer."""
    found = list(elements(data))
    if len(found) != 1 or found[0][0] != tag:
        raise NotDer(f"tag {tag:02X} is expected, and nothing else")
    return found[0][1]


def number(value: bytes, most: int) -> int:
    """Return an INTEGER or ENUMERATED from 0 to `most`; raise NotDer."""
    if not 0 < len(value) <= 8 or value[0] & 0x80 or (len(value) > 1 and not value[0] and not value[1] & 0x80):
        raise NotDer("a number that is none, or not as short as it can be")
    found = int.from_bytes(value)
    if found > most:
        raise NotDer(f"the number {found} where at most {most} is allowed")
    return found


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length at a place and where the value begins."""
    if at >= len(data):
        raise WrongLength("a length is missing")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    raw = data[at + 1 : at + 1 + count]
    if not 0 < count <= MOST_LENGTH_BYTES or len(raw) < count:
        raise WrongLength("a length that is indefinite, too long or cut off")
    length = int.from_bytes(raw)
    if raw[0] == 0 or length < 0x80:
        raise WrongLength("a length that is not as short as it can be")
    return length, at + 1 + count
