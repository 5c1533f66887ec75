"""One segment file: a header block, then frames, each on a 4 KiB boundary."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from agent.queue.entry import Entry
from agent.queue.errors import CorruptFrame
from agent.queue.layout import BLOCK, FRAME_HEADER_BYTES, FrameHeader, SegmentHeader
from agent.queue.storage import Storage

PATTERN = "segment-*.kq"


class Segment:
    """An open segment. `frames` maps by position: frames[i] is (offset, header) of record `first_seq + i`."""

    def __init__(self, path: Path, handle: int, header: SegmentHeader, size: int) -> None:
        self.path, self.header, self.size = path, header, size
        self._handle = handle
        self._frames: list[tuple[int, FrameHeader]] | None = None
        self.poisoned = False

    @classmethod
    def begin(cls, storage: Storage, blank: Path, folder: Path, header: SegmentHeader, attempt: int) -> Segment:
        """Turn a zero-filled file into a segment; `attempt` keeps names apart when a segment was poisoned."""
        handle = storage.open(blank)
        try:
            storage.write(handle, header.pack(), 0)
            storage.sync_data(handle)
            path = folder / f"segment-{header.epoch:010d}-{header.next_seq:014d}-{attempt:04d}.kq"
            storage.rename(blank, path)
        except OSError:
            os.close(handle)
            raise
        segment = cls(path, handle, header, os.fstat(handle).st_size)
        segment._frames = []
        return segment

    @classmethod
    def open(cls, storage: Storage, path: Path) -> Segment:
        """Open an existing segment; raise CorruptFrame when its header is wrong."""
        handle = storage.open(path)
        header = SegmentHeader.unpack(os.pread(handle, BLOCK, 0))
        if header is None:
            os.close(handle)
            raise CorruptFrame(f"{path.name}: header")
        return cls(path, handle, header, os.fstat(handle).st_size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    @property
    def frames(self) -> list[tuple[int, FrameHeader]]:
        """The frames, scanned by their headers when first asked for."""
        if self._frames is None:
            self._frames = list(self._scan())
        return self._frames

    @property
    def next_seq(self) -> int:
        """The seq that the record after this segment's last one has."""
        return self.header.next_seq + len(self.frames)

    @property
    def head(self) -> bytes:
        """The chain's head after this segment's last record."""
        return self.frames[-1][1].payload_sha256 if self.frames else self.header.head

    @property
    def end(self) -> int:
        """Offset of the next frame."""
        if not self.frames:
            return BLOCK
        offset, header = self.frames[-1]
        return offset + header.frame_bytes

    def append(self, storage: Storage, entry: Entry, appended_at_ns: int) -> None:
        """Write one frame and sync it, once. After an OSError the segment is poisoned: never sync this file again."""
        header = FrameHeader.of(entry, appended_at_ns)
        offset = self.end
        data = header.pack() + entry.cose_sign1 + entry.ciphertext
        try:
            storage.write(self._handle, data, offset)
            storage.sync_data(self._handle)
        except OSError:
            self.poisoned = True
            raise
        self.frames.append((offset, header))

    def read(self, seq: int) -> Entry:
        """Return a record; raise CorruptFrame when its bytes are not the ones that were written."""
        offset, header = self.frames[seq - self.header.next_seq]
        length = header.cose_length + header.ciphertext_length
        entry = header.entry(os.pread(self._handle, length, offset + FRAME_HEADER_BYTES))
        if entry is None:
            raise CorruptFrame(f"{self.path.name}: record {seq} at {offset}")
        return entry

    def cut(self, next_seq: int) -> None:
        """Forget frames from `next_seq` on: a later segment holds them, this one was poisoned before it."""
        del self.frames[max(0, next_seq - self.header.next_seq) :]

    def drop_torn_tail(self) -> bool:
        """Check the last frame's body and forget the frame if it never became whole; say whether it was torn.

        Raises CorruptFrame when frames stand behind the gap: then it is damage, not a torn tail.
        """
        torn = False
        if self.frames:
            try:
                self.read(self.next_seq - 1)
            except CorruptFrame:
                self.frames.pop()
                torn = True
        self._refuse_frames_behind(self.end)
        return torn

    def _scan(self) -> Iterator[tuple[int, FrameHeader]]:
        offset, seq, head = BLOCK, self.header.next_seq, self.header.head
        while offset < self.size:
            header = FrameHeader.unpack(os.pread(self._handle, FRAME_HEADER_BYTES, offset))
            if header is None or (header.epoch, header.seq, header.prev) != (self.header.epoch, seq, head):
                return
            if offset + header.frame_bytes > self.size:
                return
            yield offset, header
            offset, seq, head = offset + header.frame_bytes, seq + 1, header.payload_sha256

    def _refuse_frames_behind(self, end: int) -> None:
        """Look for whole frames with later seqs behind the place where the scan ended."""
        for offset in range(end, self.size, BLOCK):
            header = FrameHeader.unpack(os.pread(self._handle, FRAME_HEADER_BYTES, offset))
            if header is not None and header.epoch == self.header.epoch and header.seq > self.next_seq:
                raise CorruptFrame(f"{self.path.name}: record {self.next_seq} is missing before {header.seq}")
