"""Retention of receipted records, and room: a visit is refused before it starts, never after."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from agent.queue import DiskFailing, Entry, NoRoom, NoSuchRecord, StorageFailed
from tests.queue.memory_disk import MemoryDisk
from tests.queue.records import (
    FOLDER,
    HOUR_NS,
    SETTINGS,
    START,
    Clock,
    acknowledge,
    append,
    open_queue,
    segments,
    take_people_in,
)

PER_SEGMENT = 10


@pytest.fixture
def disk() -> MemoryDisk:
    """Return an empty disk."""
    return MemoryDisk()


class TestRetention:
    """Receipted records stay for a collector that lost them, then go, oldest first."""

    def test_receipted_records_can_be_read_again_while_they_are_kept(self, disk: MemoryDisk) -> None:
        """A rewind reads below the acknowledged position."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 25)
            acknowledge(queue, entries[24])
            clock.now_ns += HOUR_NS - 1
            acknowledge(queue, append(queue)[0])
            assert [queue.read(seq) for seq in range(25)] == entries
            assert queue.status().receipted_kept == 26
            assert queue.head_before(0) == START.head

    def test_they_go_after_the_time_counted_from_their_receipt(self, disk: MemoryDisk) -> None:
        """Not from their making: a kiosk that was offline for days keeps them just as long."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 25)
            clock.now_ns += 100 * HOUR_NS
            acknowledge(queue, entries[24])
            assert queue.oldest_kept == 0
        clock.now_ns += HOUR_NS
        with open_queue(disk, clock=clock) as queue:
            acknowledge(queue, append(queue)[0])
            assert queue.oldest_kept == 2 * PER_SEGMENT
            assert len(segments(disk)) == 1
            with pytest.raises(NoSuchRecord):
                queue.read(0)

    def test_the_receipts_own_time_counts_when_it_is_given(self, disk: MemoryDisk) -> None:
        """The kiosk's clock may jump by years in either direction."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 25)
            acknowledge(queue, entries[20], at_ns=5 * HOUR_NS)
            clock.now_ns += 20 * 365 * 24 * HOUR_NS
            acknowledge(queue, entries[21], at_ns=5 * HOUR_NS + 1)
            assert queue.oldest_kept == 0
            clock.now_ns = 0
            acknowledge(queue, entries[22], at_ns=6 * HOUR_NS)
            assert queue.oldest_kept == 2 * PER_SEGMENT

    def test_a_clock_that_goes_back_keeps_them(self, disk: MemoryDisk) -> None:
        """Nothing is due before its receipt; a clock before 1970 does no harm either."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 25)
            acknowledge(queue, entries[20])
            clock.now_ns = -HOUR_NS
            acknowledge(queue, append(queue)[0])
            assert queue.oldest_kept == 0
            assert queue.status().oldest_pending_s is None
            append(queue)
            assert queue.status().oldest_pending_s == 0

    def test_a_purge_that_fails_does_not_undo_the_receipt(self, disk: MemoryDisk) -> None:
        """The position is durable already; the file goes another time."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 25)
            acknowledge(queue, entries[21])
            clock.now_ns += 2 * HOUR_NS
            unlink = disk.unlink
            disk.unlink = _refuse  # type: ignore[method-assign]
            acknowledge(queue, entries[22])
            assert (queue.acknowledged, queue.oldest_kept) == (23, 0)
            disk.unlink = unlink  # type: ignore[method-assign]
            acknowledge(queue, entries[23])
            assert queue.oldest_kept == 2 * PER_SEGMENT

    def test_the_newest_segment_is_never_removed(self, disk: MemoryDisk) -> None:
        """It holds the chain's place."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 8)
            for entry in entries:
                clock.now_ns += 100 * HOUR_NS
                acknowledge(queue, entry)
            assert len(segments(disk)) == 1


def _refuse(path: Path) -> None:
    raise OSError(errno.EIO, f"cannot remove {path.name}")


class TestRoom:
    """A visit is refused before it starts, never after."""

    def test_a_full_disk_refuses_a_visit_once_the_open_segment_is_used_up(self, disk: MemoryDisk) -> None:
        """Records whose visit was let in always fit."""
        with open_queue(disk) as queue:
            append(queue)
            disk.unlink(FOLDER / "spare.kq")
            queue._spare.ready = False
            disk.capacity = disk.used()
            taken: list[Entry] = []
            with pytest.raises(NoRoom, match="free"):
                take_people_in(queue, taken, SETTINGS.max_record_bytes)
            assert len(taken) >= 1
            assert queue.position.next_seq == 1 + len(taken)

    def test_receipted_records_make_room_oldest_first_and_no_more_than_needed(self, disk: MemoryDisk) -> None:
        """Space that is needed ends their retention early."""
        with open_queue(disk) as queue:
            entries = append(queue, 38)
            acknowledge(queue, entries[35])
            while queue._spare.ready:
                queue._spare.take()
                disk.unlink(FOLDER / "taken.new")
            disk.capacity = disk.used()
            queue.ensure_room(1)
            assert queue.oldest_kept == PER_SEGMENT

    def test_the_settings_bound_the_folder(self, disk: MemoryDisk) -> None:
        """Receipted records count and go first; then visits are refused, and accepted ones still go in."""
        settings = replace(SETTINGS, max_folder_bytes=3 * SETTINGS.segment_bytes)
        with open_queue(disk, settings=settings) as queue:
            entries: list[Entry] = []
            with pytest.raises(NoRoom, match="allowed"):
                take_people_in(queue, entries)
            assert len(segments(disk)) == 3
            append(queue, PER_SEGMENT)
            acknowledge(queue, entries[-1])
            queue.ensure_room(1)

    def test_the_settings_keep_disk_free_for_others(self, disk: MemoryDisk) -> None:
        """Logs and the system need some too."""
        disk.capacity = 10 * SETTINGS.segment_bytes
        settings = replace(SETTINGS, keep_free_bytes=6 * SETTINGS.segment_bytes)
        with open_queue(disk, settings=settings) as queue, pytest.raises(NoRoom, match="stay free"):
            take_people_in(queue, [])
        assert disk.free_bytes(FOLDER) >= settings.keep_free_bytes

    def test_more_people_than_a_segment_holds_are_refused(self, disk: MemoryDisk) -> None:
        """By arithmetic, whatever is free."""
        with open_queue(disk) as queue, pytest.raises(NoRoom):
            queue.ensure_room(2)

    def test_a_read_only_disk_refuses_visits_and_keeps_everything(self, disk: MemoryDisk) -> None:
        """As after errors=remount-ro: nobody is taken in, the records can still be read and sent."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            disk.read_only = True
            with pytest.raises(DiskFailing, match="Read-only"):
                queue.ensure_room(1)
            with pytest.raises(StorageFailed):
                append(queue)
            with pytest.raises(DiskFailing):
                acknowledge(queue, entries[0])
            assert queue.acknowledged == 0
            assert [queue.read(seq) for seq in range(3)] == entries
            disk.read_only = False
            queue.ensure_room(1)
            entries += append(queue)
        with open_queue(disk.crash(None)) as queue:
            assert [queue.read(seq) for seq in range(4)] == entries

    def test_a_read_only_disk_stops_the_start_with_its_reason(self, disk: MemoryDisk) -> None:
        """Nothing can be stored there."""
        with open_queue(disk) as queue:
            append(queue)
        disk.read_only = True
        with pytest.raises(DiskFailing, match="Read-only"):
            open_queue(disk)
        assert not disk.handles
