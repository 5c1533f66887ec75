"""Deterministic CBOR (RFC 8949, 4.2.1) and strict reading of it: exact keys, exact types, no trailing bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import cbor2

from agent.sealing.errors import Malformed

T = TypeVar("T")

MAX_BYTES = 16 * 2**20


def encode(value: object) -> bytes:
    """Return the deterministic encoding of a value."""
    return cbor2.dumps(value, canonical=True)


def decode_map(data: bytes, keys: frozenset[str], what: str) -> Mapping[str, Any]:
    """Return a map with exactly these text keys.

    Raises Malformed for anything else, and for an encoding that is not the deterministic one: two encodings of one
    payload would be two hashes of one record.
    """
    if len(data) > MAX_BYTES:
        raise Malformed(f"{what}: {len(data)} bytes")
    value = _decode(data, what)
    if not isinstance(value, dict) or set(value) != keys:
        raise Malformed(f"{what}: keys")
    if encode(value) != data:
        raise Malformed(f"{what}: not deterministic CBOR")
    return cast(Mapping[str, Any], value)


def decode_tagged(data: bytes, tag: int, what: str) -> object:
    """Return the value under a CBOR tag; raise Malformed for another tag or trailing bytes."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"{what}: {len(data)} bytes")
    value = _decode(data, what)
    if not isinstance(value, cbor2.CBORTag) or value.tag != tag:
        raise Malformed(f"{what}: not CBOR tag {tag}")
    return value.value


def decode_any(data: bytes, what: str) -> object:
    """Return any single CBOR value; raise Malformed for trailing bytes."""
    return _decode(data, what)


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
    """Return an unsigned 64-bit number; raise Malformed."""
    value = take(values, key, int, what)
    if not 0 <= value < 2**64:
        raise Malformed(f"{what}: {key}")
    return value


def _decode(data: bytes, what: str) -> object:
    stream = io.BytesIO(data)
    try:
        value: object = cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise Malformed(f"{what}: {type(error).__name__}") from error
    if stream.read(1):
        raise Malformed(f"{what}: trailing bytes")
    return value
