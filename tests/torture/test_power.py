"""Power cuts that drop, tear and reorder unsynced writes; bits that flip; files cut short; clocks that jump."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.queue import CorruptFrame, Entry, QueueError, RecordLost, repair
from agent.queue.layout import BLOCK, FRAME_HEADER_BYTES
from tests.queue.damaged import filled, readable
from tests.queue.memory_disk import MemoryDisk, PowerCut
from tests.queue.records import FOLDER, HOUR_NS, SETTINGS, START, Clock, acknowledge, append, open_queue, segments
from tests.queue.test_crash import STEPS, Model, check, work

LONG = pytest.mark.torture
YEAR_NS = 365 * 24 * HOUR_NS
# Two records of one block each and one of two: every kind of byte, in a segment small enough for every byte.
SIZE = 3000
# Prime, so that all places in a block are met.
STRIDE = 509


@pytest.mark.parametrize("seeds", [1, pytest.param(60, marks=LONG)])
def test_a_power_cut_at_any_step_that_reorders_too_loses_no_answered_record(seeds: int) -> None:
    """Sectors and names that were not synced survive or not, in any order; the next start agrees with the model."""
    for step in range(STEPS):
        for seed in range(seeds):
            disk, model = MemoryDisk(faults={step: PowerCut()}), Model()
            with pytest.raises(PowerCut):
                work(disk, model)
            choose = random.Random(f"{step}/{seed}")  # noqa: S311 # choices, no secrets
            check(disk.crash(choose, reorder=True), model)


@pytest.mark.parametrize("seeds", [5, pytest.param(200, marks=LONG)])
def test_a_power_cut_in_the_start_after_a_power_cut_loses_no_answered_record(seeds: int) -> None:
    """Mains that come and go: every step of the recovery is cut as well."""
    for seed in range(seeds):
        choose = random.Random(seed)  # noqa: S311 # choices, no secrets
        first = choose.randrange(STEPS)
        disk, model = MemoryDisk(faults={first: PowerCut()}), Model()
        with pytest.raises(PowerCut):
            work(disk, model)
        for step in range(1000):
            again = copy.deepcopy(disk).crash(random.Random(seed), reorder=True)  # noqa: S311 # choices, no secrets
            again.faults = {step: PowerCut()}
            try:
                open_queue(again)
            except PowerCut:
                check(again.crash(choose, reorder=True), model)
            else:
                break


def test_after_every_answer_nothing_that_matters_is_unsynced() -> None:
    """Neither bytes of a file nor a name in the folder: an answer stands on nothing that a power cut could take."""
    disk, clock = MemoryDisk(), Clock()
    with open_queue(disk, clock=clock) as queue:
        for number in range(40):
            clock.now_ns += HOUR_NS
            queue.ensure_room(1)
            require_synced(disk)
            entry = append(queue, 1, 3000 + 1500 * (number % 5))[0]
            require_synced(disk)
            if number % 4 == 3:
                acknowledge(queue, entry, clock.now_ns)
                require_synced(disk)
    assert any(step.startswith("unlink segment") for step in disk.steps)


def require_synced(disk: MemoryDisk) -> None:
    """Compare what a reader sees with what a power cut would leave."""
    assert disk.pending == []
    assert disk.files == disk.synced_files
    assert [path.name for path, file in disk.files.items() if file.dirty] == []


def damaged_places(length: int, every: int) -> Iterator[int]:
    """Yield the bytes to damage: all of the headers, and each `every`-th of the rest."""
    headers = [range(0, 80), range(1024, 1104), range(2048, 2072), range(BLOCK, BLOCK + FRAME_HEADER_BYTES)]
    yield from sorted({*(place for part in headers for place in part if place < length), *range(0, length, every)})


def require_sound(disk: MemoryDisk, entries: list[Entry], acknowledged: int) -> str:
    """Open a damaged queue: refused by name, or each record is itself or told lost and no answered seq is free."""
    try:
        queue = open_queue(disk)
    except QueueError as error:
        return error.code
    with queue:
        found = readable(queue)
        assert queue.position.next_seq in (len(entries), len(entries) + 1)
        assert queue.acknowledged in (acknowledged, 0)
        wrong = {seq for seq, entry in found.items() if seq >= len(entries) or entry != entries[seq]}
        assert all(isinstance(found[seq], RecordLost) for seq in wrong)
        assert len(wrong) <= 1
        assert append(queue)[0].seq not in range(len(entries))
    return "lost" if wrong else "whole"


@pytest.mark.parametrize("every", [STRIDE, pytest.param(1, marks=LONG)])
@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_a_flipped_byte_anywhere_in_a_segment_costs_at_most_the_record_that_it_hits(every: int, mask: int) -> None:
    """Header copies, stamp, frames, bodies, padding, free space: the outcome is one of those of docs/queue.md."""
    whole, entries = filled(5, acknowledged=1, size=SIZE)
    (path,) = segments(whole)
    seen = set()
    for place in damaged_places(len(whole.content(path)), every):
        disk = copied(whole)
        disk.content(path)[place] ^= mask
        seen.add(require_sound(disk, entries, 1))
    assert seen == {"whole", "lost"}


@pytest.mark.parametrize("every", [61, pytest.param(1, marks=LONG)])
def test_a_flipped_byte_anywhere_in_the_position_never_moves_it_forward(every: int) -> None:
    """The other slot counts: at worst a record is sent again."""
    whole, entries = filled(5, size=SIZE)
    with open_queue(whole) as queue:
        acknowledge(queue, entries[0])
        acknowledge(queue, entries[1])
    whole.settle()
    path = FOLDER / "acknowledged"
    for place in damaged_places(2 * BLOCK, every):
        disk = copied(whole)
        disk.content(path)[place] ^= 0x01
        with open_queue(disk) as queue:
            assert queue.acknowledged in (1, 2)
            assert readable(queue) == dict(enumerate(entries))


@pytest.mark.parametrize("every", [STRIDE, pytest.param(1, marks=LONG)])
def test_a_segment_cut_at_any_byte_is_refused_and_repaired_only_when_nothing_can_be_missing(every: int) -> None:
    """Never a restarted seq; what repair accepts has every record."""
    whole, entries = filled(5, acknowledged=1, size=SIZE)
    (path,) = segments(whole)
    repaired = 0
    for length in range(0, len(whole.content(path)), every):
        disk = copied(whole)
        del disk.content(path)[length:]
        with pytest.raises(CorruptFrame):
            open_queue(disk)
        try:
            repair(FOLDER, start=START, settings=SETTINGS, clock=Clock(), storage=disk)
        except CorruptFrame:
            continue
        repaired += 1
        with open_queue(disk) as queue:
            assert readable(queue) == dict(enumerate(entries))
    assert repaired > 0


@pytest.mark.parametrize("every", [61, pytest.param(1, marks=LONG)])
def test_a_position_file_cut_at_any_byte_sends_again_at_worst(every: int) -> None:
    """The slot that is left, or the oldest record kept."""
    whole, entries = filled(5, acknowledged=2, size=SIZE)
    for length in range(0, 2 * BLOCK, every):
        disk = copied(whole)
        del disk.content(FOLDER / "acknowledged")[length:]
        with open_queue(disk) as queue:
            assert queue.acknowledged in (0, 2)
            assert readable(queue) == dict(enumerate(entries))


def copied(disk: MemoryDisk) -> MemoryDisk:
    """Return a disk with the same files."""
    return copy.deepcopy(disk).crash(None)


@pytest.mark.parametrize("seeds", [20, pytest.param(2000, marks=LONG)])
def test_a_clock_that_jumps_by_years_in_both_directions_costs_nothing_that_waits(seeds: int) -> None:
    """Neither order, nor numbers, nor records without a receipt depend on it; kept ones may go early, never others."""
    for seed in range(seeds):
        choose = random.Random(seed)  # noqa: S311 # choices, no secrets
        disk, clock, entries, acknowledged = MemoryDisk(), Clock(), list[Entry](), 0
        for _ in range(4):
            with open_queue(disk, clock=clock) as queue:
                for _ in range(choose.randint(1, 8)):
                    clock.now_ns = choose.choice((0, -YEAR_NS, clock.now_ns + choose.randint(-30, 30) * YEAR_NS))
                    queue.ensure_room(1)
                    entries += append(queue, 1, 6000)
                if choose.random() < 0.7:
                    acknowledged = choose.randint(acknowledged, len(entries) - 1)
                    acknowledge(queue, entries[acknowledged], choose.choice((None, choose.randint(0, 9**18))))
                    acknowledged += 1
                assert queue.acknowledged == acknowledged
                assert queue.oldest_kept <= acknowledged
                assert [queue.read(seq) for seq in range(acknowledged, len(entries))] == entries[acknowledged:]
                assert (queue.status().oldest_pending_s or 0) >= 0


def test_the_drivers_cover_what_they_say(tmp_path: Path) -> None:
    """The places that are damaged include every byte of every header."""
    places = set(damaged_places(SETTINGS.segment_bytes, STRIDE))
    assert {0, 79, 1024, 1103, 2048, BLOCK, BLOCK + FRAME_HEADER_BYTES - 1} <= places
    assert len(places) < 1000
