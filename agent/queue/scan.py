"""Finding the frames of a segment: their offsets, the gaps where some are damaged, and where the written part ends."""

from __future__ import annotations

import errno
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.queue.layout import BLOCK, FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, SegmentHeader, place_holder
from agent.queue.storage import Storage

CHUNK = 256 * BLOCK
_BLANK = bytes(CHUNK)
READ_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class View:
    """An open file for reading. A tolerant one gives zeros for blocks that the disk cannot read."""

    storage: Storage
    handle: int
    size: int
    tolerant: bool

    def read(self, length: int, offset: int) -> bytes:
        """Return the bytes at `offset`; raise OSError."""
        for attempt in range(READ_ATTEMPTS):
            try:
                return self.storage.read(self.handle, length, offset)
            except OSError as error:
                if error.errno != errno.EIO or (attempt + 1 == READ_ATTEMPTS and not self.tolerant):
                    raise
        return b"".join(self._block(length, offset))

    def _block(self, length: int, offset: int) -> Iterator[bytes]:
        """Read in single blocks, so that one bad sector costs one block."""
        end = min(offset + length, self.size)
        while offset < end:
            piece = min(BLOCK - offset % BLOCK, end - offset)
            try:
                yield self.storage.read(self.handle, piece, offset)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                yield bytes(piece)
            offset += piece


@contextmanager
def view(storage: Storage, path: Path, *, tolerant: bool) -> Iterator[View]:
    """Open a file for reading."""
    handle = storage.open(path)
    try:
        yield View(storage, handle, storage.size(handle), tolerant)
    finally:
        storage.close(handle)


@dataclass(frozen=True, slots=True)
class Gap:
    """Records first_seq up to, not including, next_seq cannot be found; bytes begin..end are where they were.

    `last_payload_sha256` is the payload hash of record next_seq - 1: the next record's `prev`, or a place-holder.
    """

    first_seq: int
    next_seq: int
    last_payload_sha256: bytes
    begin: int
    end: int


@dataclass(slots=True)
class Index:
    """The frames of one segment. `offsets[i]` is where record first_seq + i stands, 0 when it lies in a gap."""

    first_seq: int
    head: bytes
    total_bytes: int
    end: int = BLOCK
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    gaps: list[Gap] = field(default_factory=list)
    # Where written bytes end: above `end` when something that is no frame stands behind the last one.
    used_end: int = BLOCK
    chain_broken: bool = False

    @property
    def next_seq(self) -> int:
        """The seq behind the last one."""
        return self.first_seq + len(self.offsets)

    def add(self, offset: int, frame: FrameHeader) -> None:
        """Take in the next frame."""
        self.chain_broken |= frame.prev != self.head
        self.offsets.append(offset)
        self.end = self.used_end = offset + frame.frame_bytes
        self.head = frame.payload_sha256
        self.total_bytes = frame.bytes_before + frame.ciphertext_length

    def drop_last(self, frame: FrameHeader) -> None:
        """Forget the last frame, whose header this is; its bytes stay where they are."""
        self.end = self.offsets.pop()
        self.head, self.total_bytes = frame.prev, frame.bytes_before

    def add_gap(self, gap: Gap) -> None:
        """Take in records that are lost."""
        self.gaps.append(gap)
        self.offsets.extend(bytes(gap.next_seq - gap.first_seq))
        self.head = gap.last_payload_sha256
        self.end = self.used_end = gap.end

    def gap_of(self, seq: int) -> Gap:
        """Return the gap in which a record lies whose offset is 0."""
        return next(gap for gap in self.gaps if gap.first_seq <= seq < gap.next_seq)


def scan(source: View, header: SegmentHeader, until: int | None) -> Index:
    """Find the frames of a segment up to record `until`, where a later segment takes over; None: as far as they go."""
    index = Index(header.next_seq, header.head, header.bytes_before)
    while until is None or index.next_seq < until:
        frame = frame_at(source, index.end)
        offset = index.end
        if frame is None or (frame.epoch, frame.seq) != (header.epoch, index.next_seq):
            found = _search(source, index, header.epoch)
            if found is None:
                break
            offset, frame = found
            index.add_gap(Gap(index.next_seq, frame.seq, frame.prev, index.end, offset))
        index.add(offset, frame)
    return index


def frame_at(source: View, offset: int) -> FrameHeader | None:
    """Return the valid header at `offset` whose frame lies inside the file, or None."""
    frame = FrameHeader.unpack(source.read(FRAME_HEADER_BYTES, offset))
    if frame is None or offset + FRAME_HEADER_BYTES + frame.body_bytes > source.size:
        return None
    return frame


def tail_gap(epoch: int, index: Index) -> Gap:
    """Return the gap for a damaged frame behind the last one, whose length and hash nobody knows any more."""
    seq = index.next_seq
    return Gap(seq, seq + 1, place_holder(epoch, seq), index.end, index.used_end)


def _search(source: View, index: Index, epoch: int) -> tuple[int, FrameHeader] | None:
    """Look behind the end of the frames for one with a later seq; note in the index how far written bytes reach."""
    begin = index.end
    for offset in range(begin, source.size, CHUNK):
        chunk = source.read(min(CHUNK, source.size - offset), offset)
        if chunk == _BLANK[: len(chunk)]:
            continue
        for place in range(0, len(chunk), BLOCK):
            if chunk[place : place + 4] == FRAME_MAGIC:
                frame = frame_at(source, offset + place)
                if frame is not None and _may_follow(frame, epoch, index, offset + place):
                    return offset + place, frame
        index.used_end = offset + -(-len(chunk.rstrip(b"\0")) // BLOCK) * BLOCK
    return None


def _may_follow(frame: FrameHeader, epoch: int, index: Index, offset: int) -> bool:
    """Refuse a header that claims more missing records than there is room for: each takes at least one block."""
    missing = frame.seq - index.next_seq
    return frame.epoch == epoch and 0 < missing <= (offset - index.end) // BLOCK
