"""Looking at the queue without holding it: no lock, nothing written, safe beside a daemon that appends and purges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.queue.acknowledged import NAME as ACKNOWLEDGED
from agent.queue.acknowledged import AcknowledgedFile
from agent.queue.chain import Chain
from agent.queue.entry import Entry, Finding, Listed
from agent.queue.errors import CorruptFrame, DiskFailing, NoQueue, NoSuchRecord, QueueUnreadable, RecordLost
from agent.queue.layout import AckSlot
from agent.queue.quarantine import Quarantine
from agent.queue.segment import Damaged, Segment, SegmentName
from agent.queue.storage import Storage

# A segment may come or go between two looks at the folder; more often than this in a row, something else is wrong.
LOOKS = 20
LOOK_AGAIN_S = 0.01


class QueueReader:
    """The queue as it was when it was opened. Records that are purged meanwhile are passed over.

    A record that is being written is not there yet: unwritten space is zero, so it looks like one cut short by a power
    cut, and both were never answered.
    """

    def __init__(self, chain: Chain, slot: AckSlot, next_seq: int) -> None:
        self._chain, self._slot = chain, slot
        self.next_seq = next_seq

    @classmethod
    def open(
        cls, folder: Path, storage: Storage | None = None, pause: Callable[[float], None] = time.sleep
    ) -> QueueReader:
        """Look at the queue in `folder`.

        Raises NoQueue, QueueUnreadable, OtherVersion, DiskFailing, or CorruptFrame when the end of the chain, or where
        it is acknowledged, cannot be told.
        """
        storage = storage or Storage()
        try:
            for _ in range(LOOKS):
                found = _look(storage, folder)
                if found is not None:
                    return cls(*found)
                pause(LOOK_AGAIN_S)
        except PermissionError as error:
            raise QueueUnreadable(str(folder)) from error
        except OSError as error:
            raise DiskFailing(f"{folder}: {error.strerror}") from error
        raise DiskFailing(f"{folder}: it changes faster than it can be read")

    @property
    def epoch(self) -> int:
        """The epoch that is written to."""
        return self._chain.newest.name.epoch

    @property
    def acknowledged(self) -> int:
        """The first seq that is not acknowledged."""
        return self._slot.next_seq

    def listed(self, from_seq: int = 0) -> Iterator[Listed]:
        """Yield what is known of every record that is kept or lost, from `from_seq` on. Raises DiskFailing."""
        try:
            yield from self._chain.listed(from_seq, self.next_seq)
        except OSError as error:
            raise DiskFailing(error.strerror or "I/O error") from error

    def examine(self) -> Iterator[Entry | Finding]:
        """Read every record, oldest first; yield it, or what is wrong. Raises DiskFailing."""
        if self.acknowledged > self.next_seq:
            yield Finding(f"record {self.next_seq}", f"missing; {self.acknowledged} are acknowledged")
        try:
            yield from self._chain.examine(self.next_seq)
        except OSError as error:
            raise DiskFailing(error.strerror or "I/O error") from error

    def read(self, seq: int) -> Entry | None:
        """Return a record, or None when it is lost or damaged. Raises NoSuchRecord or DiskFailing."""
        try:
            return self._chain.peek(seq, self.next_seq)
        except RecordLost:
            return None
        except OSError as error:
            raise DiskFailing(f"seq {seq}: {error.strerror}") from error

    def kept(self, seq: int) -> bool:
        """Say whether a record is here, whole or not."""
        return self._chain.segments[0].first_seq <= seq < self.next_seq

    def head_before(self, seq: int) -> bytes:
        """Return the payload hash of record `seq - 1`. Raises NoSuchRecord or DiskFailing."""
        try:
            return self._chain.head_before(seq, self.next_seq) if seq < self.next_seq else self._end_head(seq)
        except OSError as error:
            raise DiskFailing(f"seq {seq}: {error.strerror}") from error

    def _end_head(self, seq: int) -> bytes:
        index = self._chain.newest.newest_index
        if seq != self.next_seq:
            raise NoSuchRecord(f"seq {seq}")
        # The index goes one further when the last frame was not whole yet.
        return index.head if index.next_seq == seq else self._chain.newest.frame(seq, None).prev


def _look(storage: Storage, folder: Path) -> tuple[Chain, AckSlot, int] | None:
    """Return chain, position and next seq; None when segments came or went meanwhile."""
    names = _segments(storage, folder)
    if not names:
        raise _emptiness(storage, folder)
    slot = AcknowledgedFile.load(storage, folder / ACKNOWLEDGED)
    segments = tuple(Segment(storage, folder / str(name), name) for name in names)
    try:
        slot = slot or _oldest(segments)
        segments[-1].load(None)
        chain = Chain(segments, AcknowledgedFile(storage, folder / ACKNOWLEDGED, slot), Quarantine(storage, folder))
        next_seq = _end(segments[-1], slot.next_seq)
    except FileNotFoundError:
        return None
    return (chain, slot, next_seq) if _segments(storage, folder) == names else None


def _segments(storage: Storage, folder: Path) -> list[SegmentName]:
    try:
        names = storage.names(folder)
    except FileNotFoundError as error:
        raise NoQueue(str(folder)) from error
    return sorted(name for text in names if (name := SegmentName.parse(text)) is not None)


def _emptiness(storage: Storage, folder: Path) -> CorruptFrame | NoQueue:
    slot = AcknowledgedFile.load(storage, folder / ACKNOWLEDGED)
    if slot is not None:
        return CorruptFrame(f"all segments are gone; {slot.next_seq} records are acknowledged")
    return NoQueue(str(folder))


def _oldest(segments: tuple[Segment, ...]) -> AckSlot:
    """Stand in for a position that is missing or damaged, as the next start does."""
    header = segments[0].header()
    if header is None:
        raise CorruptFrame(f"{segments[0].name}: header, and no acknowledged position")
    return AckSlot(0, header.epoch, header.next_seq, header.head, header.bytes_before)


def _end(newest: Segment, acknowledged: int) -> int:
    """Return the seq behind the last record that is there in full, or that was answered and is damaged."""
    index = newest.newest_index
    last = index.next_seq - 1
    if last < acknowledged or not index.offsets or not index.offsets[-1]:
        return index.next_seq
    try:
        return last if newest.last_is_torn() else index.next_seq
    except Damaged:
        return index.next_seq
