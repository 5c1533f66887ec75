"""DER (ITU-T X.690) as far as a face record needs it: tags of one byte, lengths as short as they can be.

Written is always DER. Read is with distrust: no length is believed, and what is not DER is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.capture.portrait.errors import FaceRecordWrong

MOST_LENGTH_BYTES = 4


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
    """Yield tag and value of each element of `data`; raise FaceRecordWrong where it is not DER."""
    at = 0
    while at < len(data):
        tag = data[at]
        if tag & 0x1F == 0x1F:
            raise FaceRecordWrong(f"tag {tag:02X} of several bytes")
        length, at = _length(data, at + 1)
        if length > len(data) - at:
            raise FaceRecordWrong(f"tag {tag:02X} claims {length} bytes where {len(data) - at} are left")
        yield tag, data[at : at + length]
        at += length


def fields(data: bytes) -> dict[int, bytes]:
    """Return the elements of a sequence by tag; raise FaceRecordWrong when one comes twice or out of order."""
    found: dict[int, bytes] = {}
    for tag, value in elements(data):
        # Automatic tags count up; whether an element is primitive (bit 6) does not matter.
        if found and tag & 0x1F <= list(found)[-1] & 0x1F:
            raise FaceRecordWrong(f"tag {tag:02X} is not where it belongs")
        found[tag] = value
    return found


def only(data: bytes, tag: int) -> bytes:
    """Return the value of the one element that is all of `data`; raise FaceRecordWrong."""
    found = list(elements(data))
    if len(found) != 1 or found[0][0] != tag:
        raise FaceRecordWrong(f"tag {tag:02X} is expected, and nothing else")
    return found[0][1]


def number(value: bytes, most: int) -> int:
    """Return an INTEGER or ENUMERATED from 0 to `most`; raise FaceRecordWrong."""
    if not 0 < len(value) <= 8 or value[0] & 0x80 or (len(value) > 1 and not value[0] and not value[1] & 0x80):
        raise FaceRecordWrong("a number that is none, or not as short as it can be")
    found = int.from_bytes(value)
    if found > most:
        raise FaceRecordWrong(f"the number {found} where at most {most} is allowed")
    return found


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length at a place and where the value begins."""
    if at >= len(data):
        raise FaceRecordWrong("a length is missing")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    raw = data[at + 1 : at + 1 + count]
    if not 0 < count <= MOST_LENGTH_BYTES or len(raw) < count:
        raise FaceRecordWrong("a length that is indefinite, too long or cut off")
    length = int.from_bytes(raw)
    if raw[0] == 0 or length < 0x80:
        raise FaceRecordWrong("a length that is not as short as it can be")
    return length, at + 1 + count
