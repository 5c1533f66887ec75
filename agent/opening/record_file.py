"""One record as a file: how the collector keeps it, and how it is handed to whoever may open it."""

from __future__ import annotations

import struct
from pathlib import Path

from agent.opening.errors import NotARecordFile
from agent.proto.stream import SealedRecord

ENDING = ".record"
MAGIC = b"KRECORD1"
# Magic, seq, length of the COSE_Sign1, length of the ciphertext; then both. Little-endian.
_HEADER = struct.Struct("<8sQQQ")


def pack_record(record: SealedRecord) -> tuple[bytes, bytes, bytes]:
    """Return what is written one after another: header, COSE_Sign1, ciphertext."""
    # Not as one protobuf message: building it would copy the ciphertext.
    header = _HEADER.pack(MAGIC, record.seq, len(record.cose_sign1), len(record.ciphertext))
    return header, record.cose_sign1, record.ciphertext


def parse_record(data: bytes) -> SealedRecord | None:
    """Return the record, or None when the bytes are not exactly one."""
    if len(data) < _HEADER.size:
        return None
    magic, seq, cose_length, ciphertext_length = _HEADER.unpack_from(data)
    if magic != MAGIC or len(data) != _HEADER.size + cose_length + ciphertext_length:
        return None
    end = _HEADER.size + cose_length
    return SealedRecord(seq, data[_HEADER.size : end], data[end:])


def read_record(path: Path) -> SealedRecord:
    """Read a file with one record; raise NotARecordFile."""
    try:
        record = parse_record(path.read_bytes())
    except OSError as error:
        raise NotARecordFile(f"{path}: {error.strerror}") from error
    if record is None:
        raise NotARecordFile(f"{path}: not one whole record of version 1")
    return record
