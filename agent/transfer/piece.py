"""One file of an export: records one behind the other, as the stream carries them. Little-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.transfer.errors import ExportDamaged

MAGIC = b"KQXFER01"
# Of other kinds there is none yet; a reader that does not know a kind refuses the file.
KIND_RECORD = 1
# Kind, zero, length of the COSE_Sign1, seq, length of the ciphertext; then both.
_ENTRY = struct.Struct("<HHIQQ")
ENTRY_BYTES = _ENTRY.size


@dataclass(frozen=True, slots=True)
class Carried:
    """One record as it is carried."""

    seq: int
    cose_sign1: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def pack_piece(records: Iterable[Carried]) -> list[bytes]:
    """Return the file's content in parts, so that large records are not copied."""
    parts = [MAGIC]
    for record in records:
        sizes = (len(record.cose_sign1), record.seq, len(record.ciphertext))
        parts += [_ENTRY.pack(KIND_RECORD, 0, *sizes), record.cose_sign1, record.ciphertext]
    return parts


def unpack_piece(data: bytes) -> Iterator[Carried]:
    """Yield the records of a file; raise ExportDamaged where it does not make sense."""
    if not data.startswith(MAGIC):
        raise ExportDamaged("not a file of records")
    at = len(MAGIC)
    while at < len(data):
        if at + ENTRY_BYTES > len(data):
            raise ExportDamaged("ends too early")
        kind, zero, cose_length, seq, length = _ENTRY.unpack_from(data, at)
        at += ENTRY_BYTES
        end = at + cose_length + length
        if (kind, zero) != (KIND_RECORD, 0) or end > len(data):
            raise ExportDamaged("ends too early" if end > len(data) else f"kind {kind}")
        yield Carried(seq, data[at : at + cose_length], data[at + cose_length : end])
        at = end
