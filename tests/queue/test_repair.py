"""Repair: what is safe is done and told, every byte that is changed is kept, and no number is ever guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.queue import CorruptFrame, Entry, NoQueue, NotRepairable, Queue, QueueLocked, Repair, repair
from agent.queue.layout import BLOCK
from tests.queue.damaged import FRAME, filled, flip, readable
from tests.queue.memory_disk import MemoryDisk, PowerCut
from tests.queue.records import FOLDER, SETTINGS, START, Clock, append, open_queue, segments


def mend(disk: MemoryDisk) -> list[Repair]:
    """Repair the queue on a disk."""
    return repair(FOLDER, start=START, settings=SETTINGS, clock=Clock(), storage=disk)


def empty_newest() -> tuple[MemoryDisk, list[Entry], Path]:
    """Return a disk whose newest segment was begun and holds no record yet."""
    disk, entries = filled(20)
    with open_queue(disk) as queue:
        queue._roll()
    disk.settle()
    return disk, entries, segments(disk)[-1]


def content(disk: MemoryDisk) -> dict[Path, bytes]:
    """Return every file's bytes."""
    return {path: bytes(file.now) for path, file in disk.files.items()}


def test_a_healthy_queue_needs_nothing() -> None:
    """Nothing done, nothing told, every record as before."""
    disk, entries = filled(25, acknowledged=7)
    assert mend(disk) == []
    with open_queue(disk) as queue:
        assert readable(queue) == dict(enumerate(entries))
        assert queue.acknowledged == 7


def test_damaged_records_are_set_aside_with_their_bytes() -> None:
    """Told once; the second repair has nothing to do; the numbers stay used up."""
    disk, entries = filled(25)
    flip(disk, segments(disk)[0], BLOCK + 3 * FRAME + 5000)
    flip(disk, segments(disk)[1], BLOCK)
    told = mend(disk)
    assert [(one.place, one.kept) for one in told] == [("record 3", "quarantine"), ("record 10", "quarantine")]
    assert mend(disk) == []
    with open_queue(disk) as queue:
        assert queue.lost == [3, 10]
        assert queue.position.next_seq == 25
        assert queue.read(11) == entries[11]
    kept = disk.content(FOLDER / "quarantine" / f"lost-{START.epoch:010d}-{3:014d}.kq")
    assert entries[3].cose_sign1 in bytes(kept)


def test_what_the_start_mends_is_told() -> None:
    """A half-made file, a missing position, a record cut short."""
    disk, _ = filled(3)
    path = segments(disk)[0]
    disk.content(path)[BLOCK + 2 * FRAME + 4096 : BLOCK + 3 * FRAME] = bytes(FRAME - 4096)
    handle = disk.create(FOLDER / "spare.new")
    disk.close(handle)
    del disk.files[FOLDER / "acknowledged"]
    told = {one.place: one.done for one in mend(disk)}
    assert told["spare.new"] == "half made, removed"
    assert "rebuilt at record 0" in told["acknowledged"]
    assert "left out" in told["record 2"]
    assert [one.place for one in mend(disk)] == ["record 2"]


def test_a_shortened_newest_segment_is_filled_up_when_nothing_can_have_been_cut_off() -> None:
    """A block of zeros behind the last record proves it; the opener alone refuses."""
    disk, entries = filled(3)
    path = segments(disk)[0]
    length = BLOCK + 3 * FRAME + BLOCK
    del disk.content(path)[length:]
    with pytest.raises(CorruptFrame):
        open_queue(disk)
    (told,) = mend(disk)
    assert "filled up with zeros" in told.done
    assert f"{length} bytes" in disk.content(FOLDER / told.kept).decode()
    with open_queue(disk.crash(None)) as queue:
        assert readable(queue) == dict(enumerate(entries))
        append(queue)


@pytest.mark.parametrize("length", [BLOCK + 3 * FRAME + BLOCK - 1, BLOCK + 3 * FRAME, BLOCK + 3 * FRAME - 1, BLOCK, 0])
def test_a_segment_shortened_where_records_may_have_been_is_not_repaired(length: int) -> None:
    """The next number is not known: nothing is changed."""
    disk, _ = filled(3)
    del disk.content(segments(disk)[0])[length:]
    before = content(disk)
    with pytest.raises(CorruptFrame):
        mend(disk)
    assert content(disk) == before


@pytest.mark.parametrize("acknowledged", [0, 20])
def test_a_damaged_header_of_an_empty_segment_is_written_anew(acknowledged: int) -> None:
    """From the segment before it; the damaged block is kept."""
    disk, entries, path = empty_newest()
    if acknowledged:
        with open_queue(disk) as queue:
            queue.acknowledge(19, entries[19].payload_sha256)
    flip(disk, path, 30)
    flip(disk, path, 1024 + 30)
    damaged = bytes(disk.content(path)[:BLOCK])
    with pytest.raises(CorruptFrame):
        open_queue(disk)
    (told,) = mend(disk)
    assert "header" in told.done
    assert bytes(disk.content(FOLDER / told.kept)) == damaged
    with open_queue(disk.crash(None)) as queue:
        assert (queue.position.next_seq, queue.position.head) == (20, entries[-1].payload_sha256)
        append(queue)
        assert queue.verify() == []


def test_the_position_or_the_epochs_start_can_stand_in_for_the_segment_before() -> None:
    """Older segments may be purged, or never have been."""
    disk, entries, path = empty_newest()
    with open_queue(disk) as queue:
        queue.acknowledge(19, entries[19].payload_sha256)
    for older in segments(disk)[:-1]:
        del disk.files[older]
    flip(disk, path, 30)
    flip(disk, path, 1024 + 30)
    mend(disk)
    with open_queue(disk) as queue:
        assert (queue.position.next_seq, queue.position.head) == (20, entries[-1].payload_sha256)
    disk = MemoryDisk()
    open_queue(disk).close()
    flip(disk, segments(disk)[0], 30)
    flip(disk, segments(disk)[0], 1024 + 30)
    del disk.files[FOLDER / "acknowledged"]
    mend(disk)
    with open_queue(disk) as queue:
        assert (queue.position.next_seq, queue.position.head) == (0, START.head)


def test_a_header_that_nobody_knows_is_not_guessed() -> None:
    """Without the segment before it and without a position there."""
    disk, _, path = empty_newest()
    for older in segments(disk)[:-1]:
        del disk.files[older]
    flip(disk, path, 30)
    flip(disk, path, 1024 + 30)
    before = content(disk)
    with pytest.raises(NotRepairable):
        mend(disk)
    assert content(disk) == before


@pytest.mark.parametrize("lost", [slice(None), slice(-1, None)], ids=["all", "newest"])
def test_lost_segments_are_not_repaired(lost: slice) -> None:
    """The position is ahead of what is there: a new epoch is needed, not a guess."""
    disk, _ = filled(25, acknowledged=25)
    for path in segments(disk)[lost]:
        del disk.files[path]
    before = content(disk)
    with pytest.raises(NotRepairable):
        mend(disk)
    assert content(disk) == before


def test_a_power_cut_at_any_step_of_a_repair_loses_nothing() -> None:
    """The next repair gets to the same end."""
    step = 0
    while True:
        disk, entries, path = empty_newest()
        flip(disk, path, 30)
        flip(disk, path, 1024 + 30)
        flip(disk, segments(disk)[0], BLOCK + 3 * FRAME + 5000)
        disk.settle()
        disk.steps.clear()
        disk.faults = {step: PowerCut()}
        try:
            mend(disk)
        except PowerCut:
            disk = disk.crash(None)
            mend(disk)
        else:
            break
        with open_queue(disk) as queue:
            found = readable(queue)
            assert {seq for seq in found if found[seq] != entries[seq]} == {3}
            assert queue.position.next_seq == 20
        step += 1
    assert step > 10


def test_a_held_queue_is_refused_with_the_holders_pid(tmp_path: Path) -> None:
    """Stop the daemon first."""
    with Queue.open(tmp_path / "queue", start=START, settings=SETTINGS), pytest.raises(QueueLocked, match="process"):
        repair(tmp_path / "queue", start=START, settings=SETTINGS)
    assert repair(tmp_path / "queue", start=START, settings=SETTINGS) == []


def test_no_queue_is_made_where_none_is(tmp_path: Path) -> None:
    """A wrong path must not look repaired."""
    with pytest.raises(NoQueue):
        repair(tmp_path / "queue", start=START, settings=SETTINGS)
    assert list(tmp_path.iterdir()) == []
