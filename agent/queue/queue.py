"""The durable queue: append with one sync, read back, acknowledge, and keep receipted records a while."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Condition
from types import TracebackType
from typing import Self

import structlog

from agent.queue.acknowledged import AcknowledgedFile
from agent.queue.entry import Entry, EpochStart, Finding, Position, QueueSettings, QueueStatus
from agent.queue.errors import (
    CorruptFrame,
    HeadMismatch,
    NoRoom,
    NoSuchRecord,
    NotInSequence,
    OtherEpoch,
    QueueLocked,
    StorageFailed,
    TooLarge,
)
from agent.queue.layout import BLOCK, SegmentHeader, frame_bytes
from agent.queue.segment import PATTERN, Segment
from agent.queue.spare import Spare
from agent.queue.storage import Storage

log = structlog.get_logger()

# Room for the COSE signature beside the ciphertext.
OVERHEAD_BYTES = 64 * 1024


class Queue:
    """Open it with `Queue.open`; all methods may be called from any thread."""

    def __init__(
        self, folder: Path, start: EpochStart, settings: QueueSettings, clock: Callable[[], int], storage: Storage
    ) -> None:
        self._folder, self._settings, self._clock, self._storage = folder, settings, clock, storage
        self._changed = Condition()
        self._lock_handle = _lock(folder)
        try:
            self._spare = Spare(storage, folder, settings.segment_bytes)
            self._segments = self._recover(start)
            self._ack = AcknowledgedFile(storage, folder / "acknowledged", start.epoch)
            self._check_acknowledged()
        except BaseException:
            os.close(self._lock_handle)
            raise
        self._spare.make_in_background()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        start: EpochStart,
        settings: QueueSettings | None = None,
        clock: Callable[[], int] = time.time_ns,
        storage: Storage | None = None,
    ) -> Queue:
        """Open the queue in `folder`, made if missing. A torn tail is dropped: it was never answered as durable.

        Raises QueueLocked, OtherEpoch, CorruptFrame or StorageFailed.
        """
        settings = settings or QueueSettings()
        if frame_bytes(OVERHEAD_BYTES, settings.max_record_bytes) + BLOCK > settings.segment_bytes:
            raise TooLarge(f"a segment of {settings.segment_bytes} bytes cannot hold the largest record")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(folder, start, settings, clock, storage or Storage())
        except OSError as error:
            raise StorageFailed(f"{folder}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all files and release the folder."""
        self._spare.close()
        for segment in self._segments:
            segment.close()
        self._ack.close()
        os.close(self._lock_handle)

    @property
    def position(self) -> Position:
        """Where the chain stands."""
        with self._changed:
            newest = self._segments[-1]
            return Position(newest.header.epoch, newest.next_seq, newest.head)

    @property
    def acknowledged(self) -> int:
        """The first seq that is not acknowledged."""
        return self._ack.slot.next_seq

    def append(self, entry: Entry) -> None:
        """Store a record; on return it survives a power cut.

        Raises NotInSequence, TooLarge or StorageFailed; then the position is unchanged.
        """
        with self._changed:
            position = self.position
            if (entry.epoch, entry.seq, entry.prev) != (position.epoch, position.next_seq, position.head):
                raise NotInSequence(f"epoch {entry.epoch} seq {entry.seq}, expected seq {position.next_seq}")
            if len(entry.ciphertext) > self._settings.max_record_bytes or len(entry.cose_sign1) > OVERHEAD_BYTES:
                raise TooLarge(f"{len(entry.ciphertext)} bytes, {self._settings.max_record_bytes} allowed")
            try:
                self._write(entry)
            except OSError as error:
                raise StorageFailed(error.strerror or "I/O error") from error
            self._changed.notify_all()

    def read(self, seq: int) -> Entry:
        """Return a record, checked against its sums. Raises NoSuchRecord or CorruptFrame."""
        with self._changed:
            return self._segment_of(seq).read(seq)

    def acknowledge(self, through_seq: int, head: bytes) -> None:
        """Note durably that the collector has everything up to `through_seq`; lower ones are ignored.

        `head` is the receipt's hash for that record. Raises HeadMismatch when ours is another, NoSuchRecord, or
        StorageFailed.
        """
        with self._changed:
            if through_seq < self.acknowledged:
                return
            segment = self._segment_of(through_seq)
            if segment.frames[through_seq - segment.header.next_seq][1].payload_sha256 != head:
                raise HeadMismatch(f"seq {through_seq}")
            try:
                self._ack.advance(through_seq + 1)
                self._stamp_receipted()
                self._purge(lambda done: self._age_s(done) >= self._settings.keep_receipted_s)
            except OSError as error:
                raise StorageFailed(error.strerror or "I/O error") from error
            self._changed.notify_all()

    def wait_for_append(self, after_seq: int, timeout_s: float) -> bool:
        """Wait until a record above `after_seq` is durable; say whether there is one."""
        with self._changed:
            return self._changed.wait_for(lambda: self._segments[-1].next_seq > after_seq + 1, timeout_s)

    def ensure_room(self, people_in_progress: int) -> None:
        """Make sure that the largest records of so many people can be stored; raise NoRoom before a visit starts."""
        with self._changed:
            need = people_in_progress * frame_bytes(OVERHEAD_BYTES, self._settings.max_record_bytes)
            newest = self._segments[-1]
            room = 0 if newest.poisoned else newest.size - newest.end
            if need <= room:
                return
            if need > self._settings.segment_bytes - BLOCK:
                raise NoRoom(f"a segment cannot hold {people_in_progress} people's records")
            try:
                self._spare.make()
            except OSError:
                # The space is needed: receipted records go first, oldest first.
                self._purge(lambda _: True)
                self._make_spare_or_refuse()

    def status(self) -> QueueStatus:
        """Return figures for people."""
        with self._changed:
            waiting = [header for s in self._segments for _, header in s.frames if header.seq >= self.acknowledged]
            kept = sum(len(s.frames) for s in self._segments) - len(waiting)
            oldest = (self._clock() - waiting[0].appended_at_ns) / 1e9 if waiting else None
            return QueueStatus(
                pending_records=len(waiting),
                pending_bytes=sum(header.ciphertext_length for header in waiting),
                oldest_pending_s=oldest,
                receipted_kept=kept,
                free_bytes=self._storage.free_bytes(self._folder),
                segments=len(self._segments),
            )

    def verify(self) -> list[Finding]:
        """Read every record and check it; return what is wrong."""
        findings = []
        with self._changed:
            for segment in self._segments:
                for _, header in segment.frames:
                    try:
                        segment.read(header.seq)
                    except CorruptFrame as error:
                        findings.append(Finding(segment.path.name, error.detail))
        return findings

    def _write(self, entry: Entry) -> None:
        newest = self._segments[-1]
        size = frame_bytes(len(entry.cose_sign1), len(entry.ciphertext))
        if newest.poisoned or newest.end + size > newest.size:
            newest = self._roll()
        try:
            newest.append(self._storage, entry, self._clock())
        except OSError as error:
            log.error("queue.segment_poisoned", segment=newest.path.name, errno=error.errno)
            self._roll().append(self._storage, entry, self._clock())

    def _roll(self) -> Segment:
        newest = self._segments[-1]
        header = SegmentHeader(newest.header.epoch, newest.next_seq, newest.head)
        segment = Segment.begin(self._storage, self._spare.path(), self._folder, header, self._attempt(header))
        self._segments.append(segment)
        self._spare.make_in_background()
        return segment

    def _attempt(self, header: SegmentHeader) -> int:
        return sum(s.header.next_seq == header.next_seq for s in self._segments)

    def _segment_of(self, seq: int) -> Segment:
        for segment in reversed(self._segments):
            if segment.header.next_seq <= seq < segment.next_seq:
                return segment
        raise NoSuchRecord(f"seq {seq}")

    def _recover(self, start: EpochStart) -> list[Segment]:
        paths = sorted(self._folder.glob(PATTERN))
        if not paths:
            header = SegmentHeader(start.epoch, 0, start.head)
            return [Segment.begin(self._storage, self._spare.path(), self._folder, header, 0)]
        segments = [Segment.open(self._storage, path) for path in paths]
        if segments[-1].header.epoch != start.epoch or (
            paths[0].name.split("-")[2] == f"{0:014d}" and segments[0].header.head != start.head
        ):
            raise OtherEpoch(f"epoch {segments[-1].header.epoch}")
        if segments[-1].drop_torn_tail():
            log.warning("queue.torn_tail_dropped", segment=paths[-1].name, next_seq=segments[-1].next_seq)
        for segment, following in pairwise(segments):
            segment.cut(following.header.next_seq)
            if (segment.next_seq, segment.head) != (following.header.next_seq, following.header.head):
                raise CorruptFrame(f"{segment.path.name}: record {segment.next_seq}")
        return segments

    def _check_acknowledged(self) -> None:
        slot, newest = self._ack.slot, self._segments[-1]
        if slot.epoch != newest.header.epoch:
            raise OtherEpoch(f"acknowledged position of epoch {slot.epoch}")
        if slot.next_seq > newest.next_seq:
            raise CorruptFrame(f"record {newest.next_seq} is missing, {slot.next_seq} are acknowledged")

    def _stamp_receipted(self) -> None:
        """Give a segment that is receipted in full the time of its last receipt, for `keep_receipted_s`."""
        for segment in self._segments[:-1]:
            if segment.next_seq == self.acknowledged:
                now = self._clock()
                os.utime(segment.path, ns=(now, now))

    def _age_s(self, segment: Segment) -> float:
        return (self._clock() - segment.path.stat().st_mtime_ns) / 1e9

    def _purge(self, due: Callable[[Segment], bool]) -> None:
        """Unlink receipted segments that are due, oldest first, never the newest one."""
        while len(self._segments) > 1 and self._segments[0].next_seq <= self.acknowledged and due(self._segments[0]):
            oldest = self._segments.pop(0)
            oldest.close()
            self._storage.unlink(oldest.path)
            log.info("queue.segment_purged", segment=oldest.path.name, next_seq=oldest.next_seq)

    def _make_spare_or_refuse(self) -> None:
        try:
            self._spare.make()
        except OSError as error:
            free = self._storage.free_bytes(self._folder)
            raise NoRoom(f"{free} bytes free, {self._settings.segment_bytes} needed: {error.strerror}") from error


def _lock(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise QueueLocked(str(folder)) from error
    return handle
