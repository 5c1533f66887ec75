"""BER-TLV with definite lengths (ISO 7816-4, 5.2.2; X.690). Believes no length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.capture.chip.errors import ChipDataError

MAX_LENGTH = 2**20
MAX_HEADER_BYTES = 9  # tag of four, length of five


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object; `tag` holds all tag bytes as one number (0x7F61)."""

    tag: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """Tag, length of the value, and the length of tag and length themselves."""

    tag: int
    length: int
    header_bytes: int


def read_header(data: bytes) -> Header:
    """Parse tag and length; raise ChipDataError when they are cut short, indefinite or beyond 1 MiB."""
    tag, at = _tag(data)
    if at >= len(data):
        raise ChipDataError("length is missing")
    first = data[at]
    at += 1
    if first < 0x80:
        return Header(tag, first, at)
    if first == 0x80:
        raise ChipDataError("indefinite length")
    count = first & 0x7F
    if count > 4:
        raise ChipDataError(f"length of {count} bytes")
    if len(data) < at + count:
        raise ChipDataError("length is cut short")
    length = int.from_bytes(data[at : at + count])
    if length > MAX_LENGTH:
        raise ChipDataError(f"claims {length} bytes")
    return Header(tag, length, at + count)


def _tag(data: bytes) -> tuple[int, int]:
    if not data:
        raise ChipDataError("tag is missing")
    if data[0] & 0x1F != 0x1F:
        return data[0], 1
    if data[1:2] == b"\x80":
        raise ChipDataError("tag with a leading zero")
    for at in range(1, 4):
        if at >= len(data):
            raise ChipDataError("tag is cut short")
        if not data[at] & 0x80:
            return int.from_bytes(data[: at + 1]), at + 1
    raise ChipDataError("tag is too long")


def items(data: bytes) -> Iterator[Tlv]:
    """Yield the data objects that follow one another; raise ChipDataError at the first that does not fit."""
    at = 0
    while at < len(data):
        # A window over the header alone: copying the rest for every object would take quadratic time.
        header = read_header(data[at : at + MAX_HEADER_BYTES])
        start = at + header.header_bytes
        at = start + header.length
        if at > len(data):
            raise ChipDataError(f"tag {header.tag:X} claims {header.length} bytes, {len(data) - start} are there")
        yield Tlv(header.tag, data[start:at])


def only(data: bytes, tag: int) -> bytes:
    """Return the value of the single data object `tag` that is all of `data`; raise ChipDataError."""
    found = list(items(data))
    if len(found) != 1 or found[0].tag != tag:
        raise ChipDataError(f"tag {tag:X} expected")
    return found[0].value


def find(data: bytes, tag: int) -> bytes | None:
    """Return the value of the first data object `tag` at this level, or None; raise ChipDataError."""
    return next((item.value for item in items(data) if item.tag == tag), None)


def need(data: bytes, tag: int) -> bytes:
    """Return the value of the first data object `tag` at this level; raise ChipDataError when there is none."""
    value = find(data, tag)
    if value is None:
        raise ChipDataError(f"tag {tag:X} is missing")
    return value


def encode(tag: int, value: bytes) -> bytes:
    """Return one data object with the shortest length form."""
    length = len(value)
    if length < 0x80:
        size = bytes([length])
    else:
        count = (length.bit_length() + 7) // 8
        size = bytes([0x80 | count]) + length.to_bytes(count)
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1) + size + value
