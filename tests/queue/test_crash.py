"""Power cuts, kills and disk errors at every single step that the queue takes on the disk."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from agent.queue import DiskFailing, Entry, NoRoom, Queue, StorageFailed
from tests.queue.memory_disk import MemoryDisk, PowerCut
from tests.queue.records import HOUR_NS, Clock, acknowledge, open_queue, record

SEEDS = 3
RECORDS = 20
REFUSALS = (StorageFailed, DiskFailing, NoRoom)


@dataclass
class Model:
    """What was promised: `answered` records are stored; what was only tried may or may not be there."""

    answered: list[Entry] = field(default_factory=list)
    tried: list[Entry] = field(default_factory=list)
    acknowledged: int = 0
    acknowledging: int = 0


def work(disk: MemoryDisk, model: Model) -> None:
    """Take 20 records in over several segments, receipt some, let the first segment be purged; go on after refusals."""
    clock = Clock()
    queue = None
    for _ in range(3):
        try:
            queue = queue or open_queue(disk, clock=clock)
        except REFUSALS:
            continue
    if queue is None:
        return
    for number in range(RECORDS):
        clock.now_ns += HOUR_NS
        allowed(lambda: queue.ensure_room(1))
        one_record(queue, model, number)
        if number % 4 == 3 and model.answered:
            one_receipt(queue, model, clock)


def one_record(queue: Queue, model: Model, number: int) -> None:
    """Append; a refusal must leave the position as it was."""
    before = queue.position
    entry = record(before, 5000 + 1500 * (number % 4), salt=number)
    model.tried.append(entry)
    if allowed(lambda: queue.append(entry)):
        model.answered.append(entry)
    else:
        assert queue.position == before


def one_receipt(queue: Queue, model: Model, clock: Clock) -> None:
    """Acknowledge all but the last two records."""
    last = model.answered[-3] if len(model.answered) > 2 else model.answered[-1]
    model.acknowledging = max(model.acknowledging, last.seq + 1)
    if allowed(lambda: acknowledge(queue, last, clock.now_ns)):
        model.acknowledged = max(model.acknowledged, last.seq + 1)


def allowed(action: Callable[[], None]) -> bool:
    """Do something that the disk may refuse; say whether it was done."""
    try:
        action()
    except REFUSALS:
        return False
    return True


def check(disk: MemoryDisk, model: Model) -> None:
    """Open the disk again: every answered record is there unchanged, and the chain goes on behind the last one."""
    with open_queue(disk) as queue:
        position = queue.position
        assert len(model.answered) <= position.next_seq <= len(model.answered) + 1
        assert model.acknowledged <= queue.acknowledged <= model.acknowledging
        assert queue.oldest_kept <= queue.acknowledged
        assert queue.lost == []
        for seq in range(queue.oldest_kept, position.next_seq):
            entry = queue.read(seq)
            assert entry == model.answered[seq] if seq < len(model.answered) else entry in model.tried
        assert queue.verify() == []
        queue.ensure_room(1)
        entry = record(position, 4000, salt=99)
        queue.append(entry)
    with open_queue(disk.crash(None)) as queue:
        assert queue.read(entry.seq) == entry


def steps_of_the_work() -> int:
    """Return how many steps the undisturbed work takes."""
    disk, model = MemoryDisk(), Model()
    work(disk, model)
    assert len(model.answered) == RECORDS
    assert any(step.startswith("unlink segment") for step in disk.steps)
    return len(disk.steps)


STEPS = steps_of_the_work()


def test_a_power_cut_at_any_step_loses_no_answered_record() -> None:
    """Unsynced writes and names are lost in full, or in random sectors; the next start has every answered record."""
    for step in range(STEPS):
        for seed in range(SEEDS):
            disk, model = MemoryDisk(faults={step: PowerCut()}), Model()
            with pytest.raises(PowerCut):
                work(disk, model)
            check(disk.crash(random.Random(seed) if seed else None), model)  # noqa: S311 # choices, no secrets


def test_a_kill_at_any_step_loses_no_answered_record_even_with_a_power_cut_after_the_next_start() -> None:
    """What a killed process wrote but never synced is made durable before anybody sees it."""
    for step in range(STEPS):
        disk, model = MemoryDisk(faults={step: PowerCut()}), Model()
        with pytest.raises(PowerCut):
            work(disk, model)
        again = disk.restart()
        with open_queue(again) as queue:
            seen = [queue.read(seq) for seq in range(queue.oldest_kept, queue.position.next_seq)]
        after_cut = again.crash(None)
        with open_queue(after_cut) as queue:
            assert [queue.read(seq) for seq in range(queue.oldest_kept, queue.position.next_seq)] == seen
        check(after_cut, model)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_an_error_at_any_step_is_refused_or_healed_and_loses_no_answered_record(number: int) -> None:
    """One failing step: the caller hears of it or the queue gets round it; after a power cut all answers hold."""
    for step in range(STEPS):
        disk, model = MemoryDisk(faults={step: OSError(number, "injected")}), Model()
        work(disk, model)
        assert len(model.answered) >= RECORDS - 1
        check(disk.crash(None), model)


def test_a_disk_that_dies_at_any_step_keeps_what_was_answered_before() -> None:
    """From one step on every write, sync and rename fails, as after a read-only remount."""
    for step in range(STEPS):
        faults: dict[int, Exception] = {
            n: OSError(errno.EROFS, "Read-only file system") for n in range(step, 9 * STEPS)
        }
        disk, model = MemoryDisk(faults=faults), Model()
        work(disk, model)
        check(disk.restart(), model)
        disk, model = MemoryDisk(faults=faults), Model()
        work(disk, model)
        check(disk.crash(None), model)


def test_a_failed_sync_is_never_tried_again_on_that_file() -> None:
    """After the error the record goes into another segment, and nothing is written to the poisoned one."""
    for step in range(STEPS):
        disk = MemoryDisk(faults={step: OSError(errno.EIO, "injected")})
        poisoned: list[object] = []
        _watch(disk, poisoned)
        work(disk, Model())


def _watch(disk: MemoryDisk, poisoned: list[object]) -> None:
    """Fail the test when a file is written or synced whose sync failed before."""
    sync, write = disk.sync_data, disk.write

    def watched_sync(handle: int) -> None:
        assert disk.handles[handle] not in poisoned
        file = disk.handles[handle]
        try:
            sync(handle)
        except OSError:
            poisoned.append(file)
            raise

    def watched_write(handle: int, pieces: list[bytes], offset: int) -> None:
        assert disk.handles[handle] not in poisoned
        write(handle, pieces, offset)

    disk.sync_data = watched_sync  # type: ignore[method-assign]
    disk.write = watched_write  # type: ignore[method-assign,assignment]
