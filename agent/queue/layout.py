"""The bytes on the disk, version 1; docs/queue.md describes them. Little-endian, every header with its own CRC-32."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from agent.queue.entry import Entry
from agent.queue.errors import OtherVersion

BLOCK = 4096
VERSION = 1
SEGMENT_MAGIC = b"KQSG"
STAMP_MAGIC = b"KQRC"
FRAME_MAGIC = b"KQFR"
SLOT_MAGIC = b"KQAK"
LOST_MAGIC = b"KQLO"

# Places inside a segment's first block, each in a sector of its own.
HEADER_COPIES = (0, 1024)
STAMP_OFFSET = 2048

_PREFIX = struct.Struct("<4sHH")
_SEGMENT = struct.Struct("<4sHHQQ32sQQ")
_STAMP = struct.Struct("<4sHHQ")
_FRAME = struct.Struct("<4sHHQQ32s32sQQIQ32sI")
_SLOT = struct.Struct("<4sHHQQQ32sQ")
_LOST = struct.Struct("<4sHHQQQ32sQ")
_CRC = struct.Struct("<I")

FRAME_HEADER_BYTES = _FRAME.size + _CRC.size
# Space is zero before it is written, so a write that the power cut tore leaves such a run; sealed data has none.
_UNWRITTEN = bytes(64)
_UNWRITTEN_END = bytes(16)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The start of a segment: the chain's place when it was begun, and the bytes that stood before it in the epoch."""

    epoch: int
    next_seq: int
    head: bytes
    bytes_before: int
    segment_bytes: int

    def pack(self) -> bytes:
        """Return one block with two copies of the header."""
        fields = (self.epoch, self.next_seq, self.head, self.bytes_before, self.segment_bytes)
        header = _sealed(_SEGMENT.pack(SEGMENT_MAGIC, VERSION, 0, *fields))
        return (header.ljust(HEADER_COPIES[1], b"\0") + header).ljust(BLOCK, b"\0")

    @classmethod
    def unpack(cls, block: bytes) -> SegmentHeader | None:
        """Return the header from either copy, or None; raise OtherVersion when both copies are of one other version."""
        for place in HEADER_COPIES:
            fields = _opened(block[place:], _SEGMENT, SEGMENT_MAGIC)
            if fields is not None:
                return cls(*fields[3:])
        versions = {_version(block[place:], SEGMENT_MAGIC) for place in HEADER_COPIES}
        # Version 0 had one copy: its second place is blank.
        other = versions - {None}
        if len(other) == 1 and other != {VERSION}:
            raise OtherVersion(f"segment of version {other.pop()}")
        return None


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What stands before a record. The CRC covers the header; the body is covered by the two sums in it."""

    epoch: int
    seq: int
    prev: bytes
    payload_sha256: bytes
    appended_at_ns: int
    bytes_before: int
    cose_length: int
    ciphertext_length: int
    ciphertext_sha256: bytes
    cose_crc: int

    @classmethod
    def of(cls, entry: Entry, appended_at_ns: int, bytes_before: int) -> FrameHeader:
        """Return the header of an entry; a clock before 1970 counts as 1970."""
        return cls(
            entry.epoch,
            entry.seq,
            entry.prev,
            entry.payload_sha256,
            max(0, appended_at_ns),
            bytes_before,
            len(entry.cose_sign1),
            len(entry.ciphertext),
            entry.ciphertext_sha256 or hashlib.sha256(entry.ciphertext).digest(),
            zlib.crc32(entry.cose_sign1),
        )

    @property
    def body_bytes(self) -> int:
        """The length of what follows the header."""
        return self.cose_length + self.ciphertext_length

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
                self.bytes_before,
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
        return Entry(self.epoch, self.seq, self.prev, self.payload_sha256, cose, ciphertext, self.ciphertext_sha256)


@dataclass(frozen=True, slots=True)
class AckSlot:
    """One of the two slots of the acknowledged position; the valid one with the higher counter counts.

    `head` is the payload hash of record `next_seq - 1`; `bytes_before` counts the ciphertext bytes up to it.
    """

    counter: int
    epoch: int
    next_seq: int
    head: bytes
    bytes_before: int

    def pack(self) -> bytes:
        """Return one block."""
        fields = (self.counter, self.epoch, self.next_seq, self.head, self.bytes_before)
        return _sealed(_SLOT.pack(SLOT_MAGIC, VERSION, 0, *fields)).ljust(BLOCK, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> AckSlot | None:
        """Return the slot, or None when magic, version or CRC are wrong."""
        fields = _opened(data, _SLOT, SLOT_MAGIC)
        return None if fields is None else cls(*fields[3:])


@dataclass(frozen=True, slots=True)
class LostHeader:
    """The first block of a quarantine file: records first_seq up to, not including, next_seq are lost.

    `last_payload_sha256` is that of record next_seq - 1: the true one when known, otherwise its place-holder.
    """

    epoch: int
    first_seq: int
    next_seq: int
    last_payload_sha256: bytes
    kept_bytes: int

    def pack(self) -> bytes:
        """Return one block."""
        fields = (self.epoch, self.first_seq, self.next_seq, self.last_payload_sha256, self.kept_bytes)
        return _sealed(_LOST.pack(LOST_MAGIC, VERSION, 0, *fields)).ljust(BLOCK, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> LostHeader | None:
        """Return the header, or None when magic, version or CRC are wrong."""
        fields = _opened(data, _LOST, LOST_MAGIC)
        return None if fields is None else cls(*fields[3:])


def pack_stamp(receipted_at_ns: int) -> bytes:
    """Return the stamp that says when a segment's last record was receipted."""
    return _sealed(_STAMP.pack(STAMP_MAGIC, VERSION, 0, max(0, receipted_at_ns)))


def unpack_stamp(block: bytes) -> int | None:
    """Return the time in a segment's first block, nanoseconds, or None when it has no valid stamp."""
    fields = _opened(block[STAMP_OFFSET:], _STAMP, STAMP_MAGIC)
    return None if fields is None else fields[3]


def place_holder(epoch: int, seq: int) -> bytes:
    """Return what stands for the payload hash of a lost record whose own is not known; the chain goes on from it."""
    return hashlib.sha256(b"kiosk-lost-v1" + struct.pack("<QQ", epoch, seq)).digest()


def is_torn(data: bytes) -> bool:
    """Say whether part of `data` was never written: then the power cut a write short, and nothing was damaged later."""
    return _UNWRITTEN in data or data.endswith(_UNWRITTEN_END)


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


def _version(data: bytes, magic: bytes) -> int | None:
    if len(data) < _PREFIX.size:
        return None
    found, version, _ = _PREFIX.unpack_from(data)
    return version if found == magic else None
