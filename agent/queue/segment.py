"""One segment file: a header block, then frames, each on a 4 KiB boundary."""

from __future__ import annotations

import re
import zlib
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent.queue.entry import Entry
from agent.queue.errors import CorruptFrame
from agent.queue.layout import (
    BLOCK,
    FRAME_HEADER_BYTES,
    STAMP_OFFSET,
    FrameHeader,
    SegmentHeader,
    is_torn,
    pack_stamp,
    unpack_stamp,
)
from agent.queue.scan import Gap, Index, View, frame_at, scan, view
from agent.queue.storage import Storage

_NAME = re.compile(r"segment-(\d{10})-(\d{14})-(\d{4})\.kq", re.ASCII)


class Damaged(Exception):
    """Records whose bytes are not the ones that were written."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(f"record {gap.first_seq}")
        self.gap = gap


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """What a segment's file name says; names sort in the order in which segments were made."""

    epoch: int
    first_seq: int
    attempt: int

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """Return the parts of a segment's name, or None for any other file."""
        match = _NAME.fullmatch(name)
        return cls(*map(int, match.groups())) if match else None

    def __str__(self) -> str:
        return f"segment-{self.epoch:010d}-{self.first_seq:014d}-{self.attempt:04d}.kq"


class Segment:
    """A segment. Reading opens the file anew: a long backlog is thousands of files, and one can be purged meanwhile.

    Only the newest one is open for writing; a handle of -1 says that this one is not.
    """

    def __init__(self, storage: Storage, path: Path, name: SegmentName) -> None:
        self.path, self.name, self.first_seq = path, name, name.first_seq
        self._storage = storage
        self._handle = -1
        self._index: Index | None = None
        self.size = 0
        self.poisoned = False
        self.receipted_at_ns: int | None = None
        # Start-up must not take a sector that cannot be read for one that was never written.
        self.tolerant = True

    @classmethod
    def begin(cls, storage: Storage, blank: Path, folder: Path, header: SegmentHeader, attempt: int) -> Self:
        """Turn a zero-filled file into a segment; `attempt` keeps names apart when a segment was poisoned."""
        name = SegmentName(header.epoch, header.next_seq, attempt)
        segment = cls(storage, folder / str(name), name)
        segment.open_for_append(blank)
        try:
            storage.write(segment._handle, [header.pack()], 0)
            storage.sync_data(segment._handle)
            storage.publish(blank, segment.path)
        except OSError:
            segment.close()
            # Never sync that file again: the next attempt starts with another one.
            with suppress(OSError):
                storage.unlink(blank)
            raise
        segment._index = Index(header.next_seq, header.head, header.bytes_before)
        return segment

    def open_for_append(self, path: Path | None = None) -> None:
        """Open the file for writing."""
        self._handle = self._storage.open(path or self.path, writing=True)
        self.size = self._storage.size(self._handle)

    def close(self) -> None:
        """Close the file if it is open for writing."""
        if self._handle >= 0:
            self._storage.close(self._handle)
            self._handle = -1

    @property
    def newest_index(self) -> Index:
        """The index of the newest segment, which `load` or `begin` made."""
        if self._index is None:
            raise CorruptFrame(f"{self.name}: not loaded")
        return self._index

    @property
    def room_bytes(self) -> int:
        """How many bytes of frames still fit in."""
        return 0 if self.poisoned else max(0, self.size - self.newest_index.end)

    def header(self) -> SegmentHeader | None:
        """Return the header, or None when it is damaged. Raises OSError or OtherVersion."""
        with self._view() as source:
            return SegmentHeader.unpack(source.read(BLOCK, 0))

    def load(self, until: int | None) -> Index:
        """Return the index, scanned when first asked for. Raises OSError or OtherVersion."""
        if self._index is None:
            with self._view() as source:
                header = SegmentHeader.unpack(source.read(BLOCK, 0)) or self._guess_header(source)
                self._index = scan(source, header, until)
        return self._index

    def append(self, entry: Entry, appended_at_ns: int) -> tuple[int, FrameHeader]:
        """Write one frame and sync it, once; `newest_index.add` makes it visible.

        After an OSError the segment is poisoned: never sync this file again.
        """
        index = self.newest_index
        frame = FrameHeader.of(entry, appended_at_ns, index.total_bytes)
        self._write_and_sync([frame.pack(), entry.cose_sign1, entry.ciphertext], index.end)
        return index.end, frame

    def rewrite(self, seq: int, entry: Entry) -> None:
        """Write a frame that is there once more and sync it: whoever wrote it may have died before its sync."""
        offset = self.newest_index.offsets[seq - self.first_seq]
        frame = self.frame(seq, None)
        self._write_and_sync([frame.pack(), entry.cose_sign1, entry.ciphertext], offset)

    def frame(self, seq: int, until: int | None) -> FrameHeader:
        """Return a record's header; raise Damaged, OSError."""
        with self._view() as source:
            return self._frame(source, seq, self.load(until))[1]

    def read(self, seq: int, until: int | None) -> Entry:
        """Return a record; raise Damaged when its bytes are not the ones that were written, or OSError."""
        with self._view() as source:
            offset, frame = self._frame(source, seq, self.load(until))
            body = source.read(frame.body_bytes, offset + FRAME_HEADER_BYTES)
        entry = frame.entry(body)
        if entry is None:
            raise Damaged(Gap(seq, seq + 1, frame.payload_sha256, offset, offset + frame.frame_bytes))
        return entry

    def signature(self, seq: int, until: int | None) -> tuple[FrameHeader, bytes]:
        """Return a record's header and COSE_Sign1 without its ciphertext; raise Damaged, OSError."""
        with self._view() as source:
            offset, frame = self._frame(source, seq, self.load(until))
            cose = source.read(frame.cose_length, offset + FRAME_HEADER_BYTES)
        if zlib.crc32(cose) != frame.cose_crc:
            raise Damaged(Gap(seq, seq + 1, frame.payload_sha256, offset, offset + frame.frame_bytes))
        return frame, cose

    def last_is_torn(self) -> bool:
        """Say whether the last frame was written in part only: cut short by a power cut, or still being written."""
        index = self.newest_index
        seq = index.next_seq - 1
        try:
            self.read(seq, None)
        except Damaged as damage:
            written = FRAME_HEADER_BYTES + self.frame(seq, None).body_bytes
            return is_torn(self.bytes_of(damage.gap)[:written])
        return False

    def bytes_of(self, gap: Gap) -> bytes:
        """Return what stands where records were lost."""
        with self._view() as source:
            return source.read(gap.end - gap.begin, gap.begin)

    def stamp(self) -> int | None:
        """Return when the last record was receipted (ns), or None when that is not noted."""
        with self._view() as source:
            return unpack_stamp(source.read(BLOCK, 0))

    def write_stamp(self, receipted_at_ns: int) -> None:
        """Note when the last record was receipted; raise OSError."""
        handle = self._storage.open(self.path, writing=True)
        try:
            self._storage.write(handle, [pack_stamp(receipted_at_ns)], STAMP_OFFSET)
            self._storage.sync_data(handle)
        finally:
            self._storage.close(handle)

    def _view(self) -> AbstractContextManager[View]:
        return view(self._storage, self.path, tolerant=self.tolerant)

    def _write_and_sync(self, pieces: list[bytes], offset: int) -> None:
        try:
            self._storage.write(self._handle, pieces, offset)
            self._storage.sync_data(self._handle)
        except OSError:
            self.poisoned = True
            raise

    def _frame(self, source: View, seq: int, index: Index) -> tuple[int, FrameHeader]:
        """Raise Damaged without a hash (empty) where only the record behind the gap knows it."""
        if seq >= index.next_seq:
            raise Damaged(Gap(index.next_seq, seq + 1, b"", index.end, index.used_end))
        offset = index.offsets[seq - self.first_seq]
        if not offset:
            raise Damaged(index.gap_of(seq))
        frame = frame_at(source, offset)
        if frame is None or (frame.epoch, frame.seq) != (self.name.epoch, seq):
            following = (place for place in index.offsets[seq - self.first_seq + 1 :] if place)
            raise Damaged(Gap(seq, seq + 1, b"", offset, next(following, index.end)))
        return offset, frame

    def _guess_header(self, source: View) -> SegmentHeader:
        """Stand in for a header of which both copies are damaged: the name and the first frame say the same."""
        frame = frame_at(source, BLOCK)
        if frame is None or (frame.epoch, frame.seq) != (self.name.epoch, self.first_seq):
            return SegmentHeader(self.name.epoch, self.first_seq, b"", 0, source.size)
        return SegmentHeader(frame.epoch, frame.seq, frame.prev, frame.bytes_before, source.size)
