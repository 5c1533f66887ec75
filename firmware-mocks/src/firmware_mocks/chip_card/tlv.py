"""BER-TLV as the chip needs it: definite lengths, tags of one or two bytes (ISO/IEC 7816-4, 5.2.2)."""

from __future__ import annotations


class TlvError(ValueError):
    """The bytes are not the data objects they claim to be."""


def encode(tag: int, value: bytes) -> bytes:
    """Encode one data object; `tag` is written as it reads, 0x5F1F or 0x61."""
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length(len(value)) + value


def length(size: int) -> bytes:
    """Write the shortest BER length field for `size` bytes."""
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def decode(data: bytes) -> list[tuple[int, bytes]]:
    """Return all data objects of `data` in order; raises TlvError if they do not fill it exactly."""
    objects = []
    position = 0
    while position < len(data):
        tag, start, end = _header(data, position)
        objects.append((tag, data[start:end]))
        position = end
    return objects


def single(data: bytes, tag: int) -> bytes:
    """Return the value of the only data object in `data`, which must carry `tag`; raises TlvError."""
    objects = decode(data)
    if len(objects) != 1 or objects[0][0] != tag:
        raise TlvError(f"expected one data object {tag:X}")
    return objects[0][1]


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    tag, position = data[position], position + 1
    if tag & 0x1F == 0x1F:
        if position >= len(data) or data[position] & 0x80:
            raise TlvError("tag is cut off or longer than two bytes")
        tag, position = tag << 8 | data[position], position + 1
    if position >= len(data):
        raise TlvError("length is missing")
    size, position = data[position], position + 1
    if size & 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 3 or position + octets > len(data):
            raise TlvError("length is cut off or of an unusable form")
        size, position = int.from_bytes(data[position : position + octets], "big"), position + octets
    if position + size > len(data):
        raise TlvError(f"object {tag:X} claims {size} bytes, more than there are")
    return tag, position, position + size
