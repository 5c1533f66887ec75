"""The little of DER (ITU-T X.690) that finger image data blocks need: low tags, definite lengths, integers.

Every element has an implicit tag below 31, so one byte; what is not the one DER encoding of a value is refused.
"""

from __future__ import annotations

from agent.capture.fingerprint.formats.cursor import Cursor
from agent.capture.fingerprint.formats.errors import BadField, LyingLength

SEQUENCE = 0x30
_CONTEXT, _CONSTRUCTED, _APPLICATION = 0x80, 0x20, 0x40
_MOST_TAG = 30
_LONG = 0x80
# Lengths of up to 4 GiB; nothing here is larger.
_MOST_LENGTH_BYTES = 4
_MOST_INTEGER_BYTES = 4


def application(number: int) -> int:
    """Return the byte of [APPLICATION number], constructed."""
    return _APPLICATION | _CONSTRUCTED | number


def element(tag: int, content: bytes) -> bytes:
    """Return tag byte, length and content."""
    length = len(content)
    if length < _LONG:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(size))) + size + content


def group(number: int, *members: bytes) -> bytes:
    """Return a constructed element [number] of these members."""
    return element(_CONTEXT | _CONSTRUCTED | number, b"".join(members))


def octets(number: int, content: bytes) -> bytes:
    """Return a primitive element [number]."""
    return element(_CONTEXT | number, content)


def integer(number: int, value: int) -> bytes:
    """Return an integer that is not negative (or an ENUMERATED, which looks the same) as element [number]."""
    return octets(number, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def members(content: bytes, what: str) -> dict[int, tuple[bool, bytes]]:
    """Return the context elements of a SEQUENCE by number: whether constructed, and the content.

    They must come in ascending order. Raises TruncatedFile, LyingLength or BadField; so do the functions below.
    """
    found: dict[int, tuple[bool, bytes]] = {}
    walk = Cursor(content)
    while walk.left:
        tag, inside = take(walk, what)
        number = tag & ~(_CONTEXT | _CONSTRUCTED)
        if not tag & _CONTEXT or tag & _APPLICATION or number > _MOST_TAG:
            raise BadField(f"{what}: element {tag:02X}")
        if found and number <= max(found):
            raise BadField(f"{what}: element [{number}] out of order")
        found[number] = bool(tag & _CONSTRUCTED), inside
    return found


def take(walk: Cursor, what: str) -> tuple[int, bytes]:
    """Return tag byte and content of the next element."""
    tag, length = walk.numbers("BB", what)
    if length >= _LONG:
        size = walk.take(length & ~_LONG, what)
        length = int.from_bytes(size, "big")
        if not 0 < len(size) <= _MOST_LENGTH_BYTES or length < _LONG or not size[0]:
            raise LyingLength(f"{what}: length {size[:8].hex()}")
    return tag, walk.take(length, what)


def needed(found: dict[int, tuple[bool, bytes]], number: int, what: str, *, constructed: bool) -> bytes:
    """Return the content of element [number], which must be there in this form."""
    if number not in found:
        raise BadField(f"{what} is missing")
    form, content = found[number]
    if form is not constructed:
        raise BadField(f"{what} is {'constructed' if form else 'primitive'}")
    return content


def number_of(found: dict[int, tuple[bool, bytes]], number: int, what: str) -> int:
    """Return the integer in element [number], which must not be negative."""
    content = needed(found, number, what, constructed=False)
    if not 0 < len(content) <= _MOST_INTEGER_BYTES or content[0] & 0x80:
        raise BadField(f"{what} is the number {content[:8].hex()}")
    if len(content) > 1 and not content[0] and not content[1] & 0x80:
        raise BadField(f"{what} is the number {content.hex()}, padded")
    return int.from_bytes(content, "big")
