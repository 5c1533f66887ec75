"""One file of an export: records and tombstones one behind the other, as the stream carries them. Little-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.transfer.errors import ExportDamaged

MAGIC = b"KQXFER01"
# A reader that does not know a kind refuses the file.
KIND_RECORD = 1
KIND_TOMBSTONE = 2
# Kind, zero, length of the COSE_Sign1, seq, length of the ciphertext; then both.
_ENTRY = struct.Struct("<HHIQQ")
ENTRY_BYTES = _ENTRY.size


@dataclass(frozen=True, slots=True)
class Carried:
    """One record as it is carried."""

    seq: int
    cose_sign1: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CarriedTombstone:
    """The signed statement that takes the place of a lost record."""

    seq: int
    cose_sign1: bytes = field(repr=False)


CarriedItem = Carried | CarriedTombstone


def pack_piece(items: Iterable[CarriedItem]) -> list[bytes]:
    """Return the file's content in parts, so that large records are not copied."""
    parts = [MAGIC]
    for item in items:
        kind, ciphertext = (KIND_RECORD, item.ciphertext) if isinstance(item, Carried) else (KIND_TOMBSTONE, b"")
        head = _ENTRY.pack(kind, 0, len(item.cose_sign1), item.seq, len(ciphertext))
        parts += [head, item.cose_sign1, ciphertext]
    return parts


def unpack_piece(data: bytes) -> Iterator[CarriedItem]:
    """Yield what is in a file; raise ExportDamaged where it does not make sense."""
    if not data.startswith(MAGIC):
        raise ExportDamaged("not a file of records")
    at = len(MAGIC)
    while at < len(data):
        if at + ENTRY_BYTES > len(data):
            raise ExportDamaged("ends too early")
        kind, zero, cose_length, seq, length = _ENTRY.unpack_from(data, at)
        at += ENTRY_BYTES
        end = at + cose_length + length
        if end > len(data):
            raise ExportDamaged("ends too early")
        yield _item(kind, zero, seq, data[at : at + cose_length], data[at + cose_length : end])
        at = end


def _item(kind: int, zero: int, seq: int, cose_sign1: bytes, ciphertext: bytes) -> CarriedItem:
    if (kind, zero) == (KIND_RECORD, 0):
        return Carried(seq, cose_sign1, ciphertext)
    if (kind, zero, ciphertext) == (KIND_TOMBSTONE, 0, b""):
        return CarriedTombstone(seq, cose_sign1)
    raise ExportDamaged(f"kind {kind}")
