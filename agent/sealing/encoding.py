"""Deterministic CBOR (RFC 8949, 4.2.1), the part of it that we use, and strict reading of it.

Integers of 64 bits, byte and text strings, arrays, maps, booleans, null; tags only where COSE puts its one. Floats,
indefinite lengths, big numbers and all other tags do not exist for us: whoever sends them is refused before any
signature is looked at, and two encodings of one payload (which would be two hashes of one record) cannot be.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, TypeVar

from agent.sealing.errors import Malformed

T = TypeVar("T")

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 8
# Data bases count to here.
MAX_COUNT = 2**63 - 1

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}
_SIMPLE_ENCODED = {value: bytes((_SIMPLE << 5 | code,)) for code, value in _SIMPLE_VALUES.items()}
_WIDTHS = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}
# Additional information, the first number that is too large for it, and the initial byte with that argument.
_HEADS = [(info, 256 ** struct.calcsize(width), struct.Struct(f">B{width[1]}")) for info, width in _WIDTHS.items()]


def encode(value: object, tag: int | None = None) -> bytes:
    """Return the deterministic encoding of a value, under a tag if one is given.

    Raises TypeError or OverflowError for what is not in our part of CBOR.
    """
    return (b"" if tag is None else _head(_TAG, tag)) + _encode(value)


def decode(data: bytes, what: str, tag: int | None = None) -> Any:
    """Return the one value that `data` encodes, under exactly this tag (None: untagged); raise Malformed."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"{what}: {len(data)} bytes")
    try:
        reader = _Reader(data)
        if tag is not None and reader.head() != (_TAG, tag):
            raise ValueError(f"not CBOR tag {tag}")
        value = reader.value(MAX_DEPTH)
        if reader.place != len(data):
            raise ValueError("trailing bytes")
    except ValueError as error:
        # UnicodeDecodeError quotes the bytes, which may be personal data: its type must do.
        reason = type(error).__name__ if isinstance(error, UnicodeError) else str(error)
        raise Malformed(f"{what}: {reason}") from None
    return value


def decode_map(data: bytes, keys: frozenset[str], what: str) -> Mapping[str, Any]:
    """Return a map with exactly these text keys; raise Malformed for anything else."""
    return check_map(decode(data, what), keys, what)


def check_map(value: object, keys: frozenset[str], what: str) -> Mapping[str, Any]:
    """Return `value` if it is a map with exactly these keys; raise Malformed."""
    if not isinstance(value, dict) or value.keys() != keys:
        raise Malformed(f"{what}: keys")
    return value


def take(values: Mapping[str, Any], key: str, kind: type[T], what: str) -> T:
    """Return a value that is exactly of type `kind` (bool is not int); raise Malformed."""
    value = values[key]
    if type(value) is not kind:
        raise Malformed(f"{what}: {key}")
    return value


def take_bytes(values: Mapping[str, Any], key: str, length: int, what: str) -> bytes:
    """Return a byte string of exactly `length` bytes; raise Malformed."""
    value = take(values, key, bytes, what)
    if len(value) != length:
        raise Malformed(f"{what}: {key} has {len(value)} bytes")
    return value


def take_count(values: Mapping[str, Any], key: str, what: str) -> int:
    """Return a number from 0 to 2^63 - 1; raise Malformed."""
    value = take(values, key, int, what)
    if not 0 <= value <= MAX_COUNT:
        raise Malformed(f"{what}: {key}")
    return value


def take_signed(values: Mapping[str, Any], key: str, what: str) -> int:
    """Return a signed number of 64 bits; raise Malformed."""
    value = take(values, key, int, what)
    if not -MAX_COUNT - 1 <= value <= MAX_COUNT:
        raise Malformed(f"{what}: {key}")
    return value


def _head(major: int, number: int) -> bytes:
    """Return initial byte and argument in the shortest form (RFC 8949, 3)."""
    initial = major << 5
    if number < 24:
        return bytes((initial | number,))
    for info, limit, width in _HEADS:
        if number < limit:
            return width.pack(initial | info, number)
    raise OverflowError("a CBOR integer has 64 bits")


def _encode(value: object) -> bytes:
    # What records are made of comes first; isinstance of an abstract class comes last, it costs more than the rest.
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(_TEXT, len(text)) + text
    if value is None or isinstance(value, bool):
        return _SIMPLE_ENCODED[value]
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, (list, tuple)):
        return _head(_ARRAY, len(value)) + b"".join(map(_encode, value))
    if isinstance(value, (dict, Mapping)):
        pairs = sorted((_encode(key), _encode(item)) for key, item in value.items())
        return _head(_MAP, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise TypeError(f"{type(value).__name__} has no place in our CBOR")


class _Reader:
    """Reads forward; every length is checked against what is there. Raises ValueError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def take(self, length: int) -> bytes:
        if length > len(self._data) - self.place:
            raise ValueError("ends too early")
        self.place += length
        return self._data[self.place - length : self.place]

    def head(self) -> tuple[int, int]:
        """Return major type and argument."""
        (initial,) = self.take(1)
        major, info = initial >> 5, initial & 31
        if info < 24:
            return major, info
        if info not in _WIDTHS or major == _SIMPLE:
            raise ValueError("an indefinite length, a float or a reserved value")
        width = _WIDTHS[info]
        (number,) = struct.unpack(width, self.take(struct.calcsize(width)))
        # The shortest form has no leading zero half.
        if number < (24 if info == 24 else 256 ** (struct.calcsize(width) // 2)):
            raise ValueError("not the shortest form")
        return major, number

    def value(self, depth: int) -> Any:
        if depth == 0:
            raise ValueError("nested too deeply")
        major, number = self.head()
        match major:
            case 0:
                value: Any = number
            case 1:
                value = -1 - number
            case 2:
                value = self.take(number)
            case 3:
                value = self.take(number).decode()
            case 4:
                value = [self.value(depth - 1) for _ in range(self._count(number))]
            case 5:
                value = self._map(number, depth - 1)
            case 7 if number in _SIMPLE_VALUES:
                value = _SIMPLE_VALUES[number]
            case _:
                raise ValueError("a tag or a simple value that has no place here")
        return value

    def _count(self, number: int) -> int:
        """Believe no number of items that the bytes left could not hold."""
        if number > len(self._data) - self.place:
            raise ValueError("ends too early")
        return number

    def _map(self, number: int, depth: int) -> dict[int | str | bytes, Any]:
        found: dict[int | str | bytes, Any] = {}
        before = b""
        for _ in range(self._count(number)):
            start = self.place
            key = self.value(depth)
            encoded = self._data[start : self.place]
            if encoded <= before or isinstance(key, bool) or not isinstance(key, int | str | bytes):
                raise ValueError("map keys not in order, or of no use as keys")
            before, found[key] = encoded, self.value(depth)
        return found
