"""The durable queue: append with one sync, read back, acknowledge, and keep receipted records a while."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Condition, RLock
from types import TracebackType
from typing import Self

import structlog

from agent.queue.chain import Chain
from agent.queue.entry import Entry, EpochStart, Finding, Position, QueueSettings, QueueStatus
from agent.queue.errors import (
    DiskFailing,
    FolderNotPrivate,
    HeadMismatch,
    NoRoom,
    NotInSequence,
    QueueLocked,
    SegmentTooSmall,
    StorageFailed,
    TooLarge,
)
from agent.queue.layout import BLOCK, SegmentHeader, frame_bytes
from agent.queue.recovery import recover
from agent.queue.segment import Segment
from agent.queue.spare import Spare
from agent.queue.storage import Storage

log = structlog.get_logger()

# Room for the COSE signature beside the ciphertext.
OVERHEAD_BYTES = 64 * 1024
FULL = {errno.ENOSPC, errno.EDQUOT}


class Queue:
    """Open it with `Queue.open`; all methods may be called from any thread, and readers never wait for a write."""

    def __init__(
        self,
        folder: Path,
        start: EpochStart,
        settings: QueueSettings,
        clock: Callable[[], int],
        storage: Storage,
        lock_handle: int,
    ) -> None:
        self._folder, self._settings, self._clock, self._storage = folder, settings, clock, storage
        self._lock_handle = lock_handle
        # _writing orders everything that changes the folder; _changed tells waiting readers of a new position.
        self._writing, self._changed = RLock(), Condition()
        self._spare = Spare(storage, folder, settings.segment_bytes, lambda: self._refusal() is None)
        self._spare.adopt()
        found = recover(storage, folder, start, self._spare)
        self._ack, self._chain = found.acknowledged, Chain(found.segments, found.acknowledged, found.quarantine)
        self._position = self._chain.end()
        if found.unsettled is not None:
            self._write(found.unsettled)
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
        """Open the queue in `folder`, made if missing. docs/queue.md lists the outcome of every kind of damage.

        Raises QueueLocked, FolderNotPrivate, SegmentTooSmall, OtherEpoch, OtherVersion, CorruptFrame or DiskFailing.
        """
        settings, storage = settings or QueueSettings(), storage or Storage()
        if _largest_frame(settings) + BLOCK > settings.segment_bytes:
            raise SegmentTooSmall(f"{settings.segment_bytes} bytes")
        lock = lock_folder(storage, folder)
        try:
            return cls(folder, start, settings, clock, storage, lock)
        except OSError as error:
            storage.close(lock)
            raise DiskFailing(f"{folder}: {error.strerror}") from error
        except BaseException:
            storage.close(lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all files and release the folder."""
        self._spare.close()
        with self._writing:
            self._chain.newest.close()
            self._ack.close()
            self._storage.close(self._lock_handle)

    @property
    def position(self) -> Position:
        """Where the chain stands."""
        return self._position

    @property
    def epoch(self) -> int:
        """The epoch that is written to."""
        return self._position.epoch

    @property
    def acknowledged(self) -> int:
        """The first seq that is not acknowledged."""
        return self._ack.slot.next_seq

    @property
    def oldest_kept(self) -> int:
        """The first seq that can still be read, receipted or not."""
        return self._chain.segments[0].first_seq

    @property
    def lost(self) -> list[int]:
        """The seqs of records found damaged so far; `read` raises RecordLost for each."""
        return self._chain.quarantine.seqs

    def append(self, entry: Entry) -> None:
        """Store a record; on return it survives a power cut.

        Raises NotInSequence, TooLarge or StorageFailed; then the position is unchanged.
        """
        with self._writing:
            position = self._position
            if (entry.epoch, entry.seq, entry.prev) != (position.epoch, position.next_seq, position.head):
                raise NotInSequence(f"epoch {entry.epoch} seq {entry.seq}, expected seq {position.next_seq}")
            if len(entry.ciphertext) > self._settings.max_record_bytes or len(entry.cose_sign1) > OVERHEAD_BYTES:
                raise TooLarge(f"{len(entry.ciphertext)} bytes, {self._settings.max_record_bytes} allowed")
            try:
                self._write(entry)
            except OSError as error:
                raise StorageFailed(error.strerror or "I/O error") from error

    def read(self, seq: int) -> Entry:
        """Return a record, checked against its sums; receipted ones too while they are kept.

        Raises NoSuchRecord; RecordLost, when its bytes are damaged (they are kept in `quarantine`); DiskFailing.
        """
        try:
            return self._chain.read(seq, self._position.next_seq)
        except OSError as error:
            raise DiskFailing(f"seq {seq}: {error.strerror}") from error

    def head_before(self, seq: int) -> bytes:
        """Return the payload hash of record `seq - 1`. Raises NoSuchRecord or DiskFailing."""
        position = self._position
        try:
            return position.head if seq == position.next_seq else self._chain.head_before(seq, position.next_seq)
        except OSError as error:
            raise DiskFailing(f"seq {seq}: {error.strerror}") from error

    def acknowledge(self, through_seq: int, head: bytes, receipted_at_ns: int | None = None) -> None:
        """Note durably that the collector has everything up to `through_seq`; lower ones are ignored.

        `head` is the receipt's hash for that record, `receipted_at_ns` the receipt's time (default: our clock), from
        which `keep_receipted_s` counts. Raises HeadMismatch when our hash is another, NoSuchRecord, or DiskFailing.
        """
        with self._writing:
            if through_seq < self.acknowledged:
                return
            try:
                ours, size = self._chain.end_of(through_seq, self._position.next_seq)
                if ours != head:
                    raise HeadMismatch(f"seq {through_seq}")
                self._ack.advance(through_seq + 1, head, size)
            except OSError as error:
                raise DiskFailing(error.strerror or "I/O error") from error
            self._tidy(self._clock() if receipted_at_ns is None else receipted_at_ns)

    def wait_for_append(self, after_seq: int, timeout_s: float) -> bool:
        """Wait until a record above `after_seq` is durable; say whether there is one."""
        with self._changed:
            return self._changed.wait_for(lambda: self._position.next_seq > after_seq + 1, timeout_s)

    def ensure_room(self, people_in_progress: int) -> None:
        """Make sure, before a visit starts, that the largest records of so many people can be stored.

        Raises NoRoom, or DiskFailing when the disk does not take a write and a sync right now.
        """
        need = people_in_progress * _largest_frame(self._settings)
        if need > self._settings.segment_bytes - BLOCK:
            raise NoRoom(f"a segment cannot hold {people_in_progress} people's records")
        with self._writing:
            try:
                self._ack.confirm()
                if self._chain.newest.poisoned:
                    self._roll()
            except OSError as error:
                kind = NoRoom if error.errno in FULL else DiskFailing
                raise kind(error.strerror or "I/O error") from error
            if self._chain.newest.room_bytes >= need:
                return
        self._make_spare()

    def status(self) -> QueueStatus:
        """Return figures for people; costs the same however many records wait."""
        position, slot = self._position, self._ack.slot
        waiting = position.next_seq - slot.next_seq
        appended_at_ns = self._chain.appended_at_ns(slot.next_seq) if waiting else None
        return QueueStatus(
            pending_records=waiting,
            pending_bytes=max(0, self._chain.newest.newest_index.total_bytes - slot.bytes_before),
            oldest_pending_s=None if appended_at_ns is None else max(0, self._clock() - appended_at_ns) / 1e9,
            receipted_kept=max(0, slot.next_seq - self.oldest_kept),
            free_bytes=self._storage.free_bytes(self._folder),
            segments=len(self._chain.segments),
        )

    def verify(self) -> list[Finding]:
        """Read every record and check it; return what is wrong and change nothing. Raises DiskFailing."""
        try:
            return self._chain.verify(self._position.next_seq)
        except OSError as error:
            raise DiskFailing(error.strerror or "I/O error") from error

    def _write(self, entry: Entry) -> None:
        newest = self._chain.newest
        if newest.room_bytes < frame_bytes(len(entry.cose_sign1), len(entry.ciphertext)):
            newest = self._roll()
        try:
            place = newest.append(entry, self._clock())
        except OSError as error:
            log.error("queue.segment_poisoned", segment=str(newest.name), errno=error.errno)
            newest = self._roll()
            place = newest.append(entry, self._clock())
        newest.newest_index.add(*place)
        with self._changed:
            self._position = self._chain.end()
            self._changed.notify_all()

    def _roll(self) -> Segment:
        """Begin a new segment where the chain stands; raise OSError."""
        newest, index = self._chain.newest, self._chain.newest.newest_index
        size = self._settings.segment_bytes
        header = SegmentHeader(newest.name.epoch, index.next_seq, index.head, index.total_bytes, size)
        attempt = newest.name.attempt + 1 if newest.first_seq == index.next_seq else 0
        blank = self._take_spare()
        try:
            segment = Segment.begin(self._storage, blank, self._folder, header, attempt)
        except OSError:
            # The new name may be on the disk already and cuts the chain there: nothing more may go into the old one.
            newest.poisoned = True
            raise
        newest.close()
        self._chain.segments = (*self._chain.segments, segment)
        self._spare.make_in_background()
        return segment

    def _take_spare(self) -> Path:
        while True:
            try:
                return self._spare.take()
            except OSError as error:
                if error.errno not in FULL or not self._purge_oldest():
                    raise

    def _make_spare(self) -> None:
        """Have a spare ready; receipted records go for it, oldest first. Raises NoRoom or DiskFailing."""
        while not self._spare.ready:
            reason = self._refusal()
            try:
                if reason is None:
                    self._spare.make()
                    return
            except OSError as error:
                reason = error.strerror
                if error.errno not in FULL:
                    raise DiskFailing(reason or "I/O error") from error
            if not self._purge_oldest():
                free = self._storage.free_bytes(self._folder)
                raise NoRoom(f"{free} bytes free, {self._settings.segment_bytes} needed: {reason}")

    def _refusal(self) -> str | None:
        """Return why no further file may be made, by the settings; None when one may."""
        settings = self._settings
        files = len(self._chain.segments) + 1
        if settings.max_folder_bytes is not None and files * settings.segment_bytes > settings.max_folder_bytes:
            return f"{settings.max_folder_bytes} bytes allowed for the queue"
        if self._storage.free_bytes(self._folder) - settings.segment_bytes < settings.keep_free_bytes:
            return f"{settings.keep_free_bytes} bytes must stay free"
        return None

    def _tidy(self, now_ns: int) -> None:
        """Stamp what is receipted in full, purge what was kept long enough. The acknowledgement stands in any case."""
        with suppress(OSError):
            for segment in self._chain.receipted():
                if segment.receipted_at_ns is None:
                    segment.receipted_at_ns = segment.stamp()
                if segment.receipted_at_ns is None:
                    segment.receipted_at_ns = now_ns
                    if not segment.poisoned:
                        segment.write_stamp(now_ns)
            while (oldest := next(iter(self._chain.receipted()), None)) is not None:
                receipted_at_ns = now_ns if oldest.receipted_at_ns is None else oldest.receipted_at_ns
                if now_ns - receipted_at_ns < self._settings.keep_receipted_s * 1e9 or not self._purge_oldest():
                    return

    def _purge_oldest(self) -> bool:
        """Unlink the oldest segment if it is receipted in full and not the newest; say whether it was."""
        with self._writing:
            oldest = next(iter(self._chain.receipted()), None)
            if oldest is None:
                return False
            # Forgotten first: a reader must not meet a record that is said to be kept and is gone.
            self._chain.segments = self._chain.segments[1:]
            try:
                self._storage.remove(oldest.path)
            except OSError as error:
                log.error("queue.purge_failed", segment=str(oldest.name), errno=error.errno)
                self._chain.segments = (oldest, *self._chain.segments)
                return False
            log.info("queue.segment_purged", segment=str(oldest.name))
            return True


def _largest_frame(settings: QueueSettings) -> int:
    return frame_bytes(OVERHEAD_BYTES, settings.max_record_bytes)


def lock_folder(storage: Storage, folder: Path) -> int:
    """Take the folder, made if missing, for this process. Raises QueueLocked, FolderNotPrivate or DiskFailing."""
    try:
        storage.make_folder(folder)
        return storage.lock(folder / "lock")
    except BlockingIOError as error:
        raise QueueLocked(f"{folder}: {error.strerror}") from error
    except PermissionError as error:
        raise FolderNotPrivate(f"{folder}: {error.strerror}") from error
    except OSError as error:
        raise DiskFailing(f"{folder}: {error.strerror}") from error
