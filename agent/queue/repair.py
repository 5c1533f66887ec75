"""Repair, while no daemon runs: what is safe is done and told, every byte that is changed is kept, nothing is guessed.

Opening the queue mends almost everything by itself (docs/queue.md). What is left for here are states that an opener
refuses although the next record's number is certain, and records that nobody has read since they were damaged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.queue.acknowledged import NAME as ACKNOWLEDGED
from agent.queue.acknowledged import AcknowledgedFile
from agent.queue.entry import EpochStart, QueueSettings
from agent.queue.errors import DiskFailing, NoQueue, NotRepairable, QueueUnreadable, RecordLost
from agent.queue.layout import BLOCK, AckSlot, SegmentHeader
from agent.queue.quarantine import FOLDER as QUARANTINE
from agent.queue.quarantine import Quarantine
from agent.queue.queue import Queue, lock_folder
from agent.queue.scan import Index, view
from agent.queue.segment import Segment, SegmentName
from agent.queue.storage import Storage

KEPT = ".before-repair"


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was done, and where the bytes from before are kept (empty: none were changed)."""

    place: str
    done: str
    kept: str = ""


def repair(
    folder: Path,
    *,
    start: EpochStart,
    settings: QueueSettings | None = None,
    clock: Callable[[], int] = time.time_ns,
    storage: Storage | None = None,
) -> list[Repair]:
    """Mend the queue in `folder` as far as that is safe; return what was done.

    Raises QueueLocked while a daemon holds it, NotRepairable where only guessing would help, and what Queue.open raises
    for everything that is not damage.
    """
    storage = storage or Storage()
    _refuse_missing(storage, folder)
    lock = lock_folder(storage, folder)
    try:
        done = list(_mend(storage, folder, start))
    except OSError as error:
        raise DiskFailing(f"{folder}: {error.strerror}") from error
    finally:
        storage.close(lock)
    before = _Before.of(storage, folder)
    with Queue.open(folder, start=start, settings=settings, clock=clock, storage=storage) as queue:
        done += before.compared(queue)
        done += _set_aside(queue, before.lost)
    return done


@dataclass(frozen=True, slots=True)
class _Before:
    """What only a look from before the start can tell: the start removes and rebuilds it without a word."""

    half_made: tuple[str, ...]
    slot: AckSlot | None
    end: int
    lost: tuple[int, ...]

    @classmethod
    def of(cls, storage: Storage, folder: Path) -> _Before:
        texts = storage.names(folder)
        names = sorted(name for text in texts if (name := SegmentName.parse(text)) is not None)
        segment = Segment(storage, folder / str(names[-1]), names[-1]) if names else None
        end = segment.load(None).next_seq if segment is not None else 0
        slot = AcknowledgedFile.load(storage, folder / ACKNOWLEDGED)
        return cls(
            tuple(text for text in texts if text.endswith(".new")), slot, end, tuple(Quarantine(storage, folder).seqs)
        )

    def compared(self, queue: Queue) -> Iterator[Repair]:
        for name in self.half_made:
            yield Repair(name, "half made, removed")
        if self.slot is None:
            yield Repair(ACKNOWLEDGED, f"position rebuilt at record {queue.acknowledged}; what is there is sent again")
        if queue.position.next_seq < self.end:
            yield Repair(f"record {queue.position.next_seq}", "cut short before it was answered, left out")


def _refuse_missing(storage: Storage, folder: Path) -> None:
    try:
        storage.names(folder)
    except FileNotFoundError as error:
        raise NoQueue(str(folder)) from error
    except PermissionError as error:
        raise QueueUnreadable(str(folder)) from error


def _set_aside(queue: Queue, known: tuple[int, ...]) -> Iterator[Repair]:
    """Read every record, so that damaged ones are in quarantine before the uplink meets them."""
    for seq in range(min(queue.oldest_kept, queue.acknowledged), queue.position.next_seq):
        if seq in known:
            continue
        try:
            queue.read(seq)
        except RecordLost as lost:
            hash_is = "known" if lost.known else "not known"
            yield Repair(
                f"record {seq}", f"lost, set aside; its number stays used up, its hash is {hash_is}", QUARANTINE
            )


def _mend(storage: Storage, folder: Path, start: EpochStart) -> Iterator[Repair]:
    names = sorted(name for text in storage.names(folder) if (name := SegmentName.parse(text)) is not None)
    slot = AcknowledgedFile.load(storage, folder / ACKNOWLEDGED)
    if not names:
        if slot is not None:
            raise NotRepairable(f"all segments are gone; {slot.next_seq} records are acknowledged")
        return
    segments = [Segment(storage, folder / str(name), name) for name in names]
    newest = segments[-1]
    header = newest.header()
    if header is None and not newest.load(None).offsets:
        yield _write_header(storage, newest, _place_before(segments, slot, start))
    elif header is not None and (size := _size(storage, newest)) < header.segment_bytes:
        yield _lengthen(storage, newest, size, header.segment_bytes)
    _refuse_unknown_end(segments[-1], slot)


def _refuse_unknown_end(newest: Segment, slot: AckSlot | None) -> None:
    index = newest.load(None)
    if slot is not None and slot.next_seq > index.next_seq and index.used_end == index.end:
        raise NotRepairable(f"record {index.next_seq} is missing, {slot.next_seq} are acknowledged")


def _place_before(segments: list[Segment], slot: AckSlot | None, start: EpochStart) -> Index:
    """Return where the chain stood when the newest segment was begun, from whoever knows. Raises NotRepairable."""
    newest = segments[-1]
    first_seq = newest.first_seq
    if len(segments) > 1:
        before = segments[-2].load(first_seq)
        if before.next_seq == first_seq:
            return before
    if slot is not None and slot.next_seq == first_seq:
        return Index(first_seq, slot.head, slot.bytes_before)
    if first_seq == 0:
        return Index(0, start.head, 0)
    raise NotRepairable(f"{newest.name}: header, and nothing says what came before record {first_seq}")


def _write_header(storage: Storage, newest: Segment, before: Index) -> Repair:
    with view(storage, newest.path, tolerant=True) as source:
        old, size = source.read(BLOCK, 0), source.size
    if size <= BLOCK or newest.load(None).used_end > BLOCK:
        raise NotRepairable(f"{newest.name}: header, and there may have been records")
    kept = _keep(storage, newest, [old])
    header = SegmentHeader(newest.name.epoch, newest.first_seq, before.head, before.total_bytes, size)
    _write(storage, newest.path, header.pack(), 0)
    return Repair(str(newest.name), "header written anew from what comes before it", kept)


def _lengthen(storage: Storage, newest: Segment, size: int, whole: int) -> Repair:
    """Give a shortened segment its length back, when zeros at its end prove that no record was cut off."""
    end = newest.load(None).used_end
    if end + BLOCK > size:
        raise NotRepairable(f"{newest.name}: {size} bytes of {whole}; there may have been records behind")
    kept = _keep(storage, newest, [f"{size} bytes of {whole}\n".encode()])
    _write(storage, newest.path, bytes(whole - size), size)
    return Repair(str(newest.name), f"shortened to {size} bytes behind its last record, filled up with zeros", kept)


def _keep(storage: Storage, segment: Segment, pieces: list[bytes]) -> str:
    folder = segment.path.parent / QUARANTINE
    storage.make_folder(folder)
    name = f"{segment.name}{KEPT}"
    storage.write_new(folder / name, pieces)
    return f"{QUARANTINE}/{name}"


def _size(storage: Storage, segment: Segment) -> int:
    with view(storage, segment.path, tolerant=True) as source:
        return source.size


def _write(storage: Storage, path: Path, data: bytes, offset: int) -> None:
    handle = storage.open(path, writing=True)
    try:
        storage.write(handle, [data], offset)
        storage.sync_data(handle)
    finally:
        storage.close(handle)
