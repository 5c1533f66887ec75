"""The bytes on the disk, version 0; docs/queue.md describes them. Little-endian, every header with its own CRC-32."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from agent.queue.entry import Entry

BLOCK = 4096
VERSION = 0
SEGMENT_MAGIC = b"KQSG"
FRAME_MAGIC = b"KQFR"
SLOT_MAGIC = b"KQAK"

_SEGMENT = struct.Struct("<4sHHQQ32s")
_FRAME = struct.Struct("<4sHHQQ32s32sQIQ32sI")
_SLOT = struct.Struct("<4sHHQQQ")
_CRC = struct.Struct("<I")

FRAME_HEADER_BYTES = _FRAME.size + _CRC.size


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The first block of a segment: the chain's place when the segment was begun."""

    epoch: int
    next_seq: int
    head: bytes

    def pack(self) -> bytes:
        """Return one block."""
        fields = _SEGMENT.pack(SEGMENT_MAGIC, VERSION, 0, self.epoch, self.next_seq, self.head)
        return _sealed(fields).ljust(BLOCK, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> SegmentHeader | None:
        """Return the header, or None when magic, version or CRC are wrong."""
        fields = _opened(data, _SEGMENT, SEGMENT_MAGIC)
        return None if fields is None else cls(*fields[3:])


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What stands before a record. The CRC covers the header; the body is covered by the two sums in it."""

    epoch: int
    seq: int
    prev: bytes
    payload_sha256: bytes
    appended_at_ns: int
    cose_length: int
    ciphertext_length: int
    ciphertext_sha256: bytes
    cose_crc: int

    @classmethod
    def of(cls, entry: Entry, appended_at_ns: int) -> FrameHeader:
        """Return the header of an entry."""
        return cls(
            entry.epoch,
            entry.seq,
            entry.prev,
            entry.payload_sha256,
            appended_at_ns,
            len(entry.cose_sign1),
            len(entry.ciphertext),
            hashlib.sha256(entry.ciphertext).digest(),
            zlib.crc32(entry.cose_sign1),
        )

    @property
    def frame_bytes(self) -> int:
        """The frame's length on disk, in whole blocks."""
        return frame_bytes(self.cose_length, self.ciphertext_length)

    def pack(self) -> bytes:
        """Return the header with its CRC."""
        return _sealed(
            _FRAME.pack(
                FRAME_MAGIC,
                VERSION,
                0,
                self.epoch,
                self.seq,
                self.prev,
                self.payload_sha256,
                self.appended_at_ns,
                self.cose_length,
                self.ciphertext_length,
                self.ciphertext_sha256,
                self.cose_crc,
            )
        )

    @classmethod
    def unpack(cls, data: bytes) -> FrameHeader | None:
        """Return the header, or None when magic, version or CRC are wrong."""
        fields = _opened(data, _FRAME, FRAME_MAGIC)
        return None if fields is None else cls(*fields[3:])

    def entry(self, body: bytes) -> Entry | None:
        """Return the record from header and body, or None when the body is not the one that was written."""
        cose, ciphertext = body[: self.cose_length], body[self.cose_length :]
        if len(ciphertext) != self.ciphertext_length or zlib.crc32(cose) != self.cose_crc:
            return None
        if hashlib.sha256(ciphertext).digest() != self.ciphertext_sha256:
            return None
        return Entry(self.epoch, self.seq, self.prev, self.payload_sha256, cose, ciphertext)


@dataclass(frozen=True, slots=True)
class AckSlot:
    """One of the two slots of the acknowledged position; the valid one with the higher counter counts."""

    counter: int
    epoch: int
    next_seq: int

    def pack(self) -> bytes:
        """Return one block."""
        fields = _SLOT.pack(SLOT_MAGIC, VERSION, 0, self.counter, self.epoch, self.next_seq)
        return _sealed(fields).ljust(BLOCK, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> AckSlot | None:
        """Return the slot, or None when magic, version or CRC are wrong."""
        fields = _opened(data, _SLOT, SLOT_MAGIC)
        return None if fields is None else cls(*fields[3:])


def frame_bytes(cose_length: int, ciphertext_length: int) -> int:
    """Return the length of a frame on disk, in whole blocks."""
    return -(-(FRAME_HEADER_BYTES + cose_length + ciphertext_length) // BLOCK) * BLOCK


def _sealed(fields: bytes) -> bytes:
    return fields + _CRC.pack(zlib.crc32(fields))


def _opened(data: bytes, layout: struct.Struct, magic: bytes) -> tuple[Any, ...] | None:
    if len(data) < layout.size + _CRC.size:
        return None
    (crc,) = _CRC.unpack_from(data, layout.size)
    fields = layout.unpack_from(data)
    if fields[0] != magic or fields[1] != VERSION or crc != zlib.crc32(data[: layout.size]):
        return None
    return fields
