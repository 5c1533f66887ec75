"""What the queue promises while it runs: order, acknowledgement, readers beside the writer, failed syncs."""

from __future__ import annotations

import errno
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.queue import (
    HeadMismatch,
    NoSuchRecord,
    NotInSequence,
    Queue,
    QueueSettings,
    SegmentTooSmall,
    Storage,
    StorageFailed,
    TooLarge,
)
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
    record,
    segments,
)


@pytest.fixture
def disk() -> MemoryDisk:
    """Return an empty disk."""
    return MemoryDisk()


class TestAppend:
    """A record continues the chain or is refused."""

    def test_records_come_back_in_order_across_segments_and_starts(self, disk: MemoryDisk) -> None:
        """What went in comes out, byte for byte."""
        with open_queue(disk) as queue:
            entries = append(queue, 25)
        with open_queue(disk) as queue:
            assert [queue.read(seq) for seq in range(25)] == entries
            assert queue.position.head == entries[-1].payload_sha256
            assert [queue.head_before(seq) for seq in range(1, 26)] == [entry.payload_sha256 for entry in entries]
            assert queue.head_before(0) == START.head

    @pytest.mark.parametrize("change", [{"epoch": 8}, {"seq": 4}, {"seq": 2}, {"prev": bytes(32)}])
    def test_a_record_that_does_not_continue_the_chain_is_refused(
        self, disk: MemoryDisk, change: dict[str, int | bytes]
    ) -> None:
        """Wrong epoch, seq or previous hash."""
        with open_queue(disk) as queue:
            append(queue, 3)
            entry = record(queue.position)
            with pytest.raises(NotInSequence):
                queue.append(replace(entry, **change))  # type: ignore[arg-type]
            queue.append(entry)

    def test_a_record_of_exactly_the_limit_fits_and_one_byte_more_does_not(self, disk: MemoryDisk) -> None:
        """`max_record_bytes` counts the ciphertext."""
        with open_queue(disk) as queue:
            with pytest.raises(TooLarge):
                queue.append(record(queue.position, SETTINGS.max_record_bytes + 1))
            append(queue, 1, SETTINGS.max_record_bytes)
            entry = record(queue.position)
            with pytest.raises(TooLarge):
                queue.append(replace(entry, cose_sign1=bytes(64 * 1024 + 1)))

    def test_a_record_costs_one_write_and_one_sync(self, disk: MemoryDisk) -> None:
        """The segment is filled beforehand, so no name and no length changes."""
        with open_queue(disk) as queue:
            append(queue)
            before = len(disk.steps)
            append(queue)
            assert disk.steps[before:] == ["write", "sync"]

    def test_readers_do_not_wait_for_a_write_and_see_a_record_only_after_its_sync(self, disk: MemoryDisk) -> None:
        """The disk hangs in the sync; position, status, reading and acknowledging go on."""
        syncing, go_on = threading.Event(), threading.Event()
        with open_queue(disk) as queue:
            first = append(queue)[0]
            plain_sync = disk.sync_data

            def slow_sync(handle: int) -> None:
                syncing.set()
                assert go_on.wait(60)
                plain_sync(handle)

            disk.sync_data = slow_sync  # type: ignore[method-assign]
            writer = threading.Thread(target=append, args=(queue,))
            writer.start()
            assert syncing.wait(60)
            assert queue.position.next_seq == 1
            assert queue.read(0) == first
            assert queue.status().pending_records == 1
            with pytest.raises(NoSuchRecord):
                queue.read(1)
            assert not queue.wait_for_append(0, 0)
            go_on.set()
            assert queue.wait_for_append(0, 60)
            writer.join(60)
            assert queue.read(1).seq == 1

    def test_settings_that_do_not_fit_together_are_refused(self, disk: MemoryDisk) -> None:
        """A segment must hold the largest record."""
        with pytest.raises(SegmentTooSmall):
            open_queue(disk, settings=QueueSettings(segment_bytes=128 * 1024, max_record_bytes=128 * 1024))


class TestAcknowledge:
    """A receipt counts only when it names our own hash."""

    def test_a_receipt_with_another_head_is_refused_and_changes_nothing(self, disk: MemoryDisk) -> None:
        """Two kiosks under one name, or a collector that made something up."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            with pytest.raises(HeadMismatch):
                queue.acknowledge(1, entries[2].payload_sha256)
            assert queue.acknowledged == 0

    def test_a_receipt_for_records_that_do_not_exist_is_refused(self, disk: MemoryDisk) -> None:
        """Neither the next seq nor any later one."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            for seq in (3, 4, 2**40):
                with pytest.raises(NoSuchRecord):
                    queue.acknowledge(seq, entries[2].payload_sha256)

    def test_a_lower_receipt_changes_nothing(self, disk: MemoryDisk) -> None:
        """Receipts can come twice, and late."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            acknowledge(queue, entries[2])
            queue.acknowledge(0, bytes(32))
            assert queue.acknowledged == 3

    def test_a_receipt_is_remembered_after_a_power_cut(self, disk: MemoryDisk) -> None:
        """One write, one sync."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            acknowledge(queue, entries[1])
        with open_queue(disk.crash(None)) as queue:
            assert queue.acknowledged == 2
            assert queue.status().pending_records == 1
            assert queue.status().pending_bytes == 9000

    def test_a_full_disk_does_not_stop_receipts(self, disk: MemoryDisk) -> None:
        """The slots were made in full at the start."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            disk.capacity = disk.used()
            acknowledge(queue, entries[2])
            assert queue.acknowledged == 3


class TestFailedSync:
    """After a failed sync a file is never trusted again."""

    def test_the_record_goes_into_a_new_segment_and_the_old_copy_never_counts(self, disk: MemoryDisk) -> None:
        """The page cache shows the record in the poisoned segment, but the disk may not have it."""
        with open_queue(disk) as queue:
            entries = append(queue, 3)
            disk.faults = {len(disk.steps) + 1: OSError(errno.EIO, "injected")}
            entries += append(queue, 2)
            assert len(segments(disk)) == 2
        for again in (disk.restart(), disk.crash(None)):
            with open_queue(again) as queue:
                assert [queue.read(seq) for seq in range(5)] == entries
                assert queue.verify() == []

    def test_a_new_segment_that_half_failed_takes_nothing_from_the_old_one(self, disk: MemoryDisk) -> None:
        """Its name reached the disk before the error: the next record must not go into the segment before it."""
        with open_queue(disk) as queue:
            entries = append(queue, 9)
            rename = [f"rename segment-{START.epoch:010d}-{9:014d}-0000.kq"]
            steps = len(disk.steps)
            disk.faults = {steps + 4: OSError(errno.EIO, "injected")}
            with pytest.raises(StorageFailed):
                append(queue, 1, SETTINGS.max_record_bytes)
            assert disk.steps[steps + 3 : steps + 4] == rename
            entries += append(queue, 1, 500)
        for again in (disk.restart(), disk.crash(None)):
            with open_queue(again) as queue:
                assert [queue.read(seq) for seq in range(10)] == entries

    def test_segments_that_were_poisoned_empty_keep_names_apart(self, disk: MemoryDisk) -> None:
        """Three attempts at one seq, the first ones purged meanwhile: no file takes the name of a live one."""
        clock = Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 3)
            acknowledge(queue, entries[2])
            for _ in range(3):
                clock.now_ns += 2 * HOUR_NS
                queue._chain.newest.poisoned = True
                queue.ensure_room(1)
            entries += append(queue, 2)
            acknowledge(queue, entries[3])
            clock.now_ns += 2 * HOUR_NS
            acknowledge(queue, entries[4])
            assert len({segment.path for segment in queue._chain.segments}) == len(queue._chain.segments)
            assert queue.read(4) == entries[4]
        with open_queue(disk) as queue:
            assert queue.read(4) == entries[4]


def test_a_fill_in_the_background_never_replaces_the_segment_being_begun(tmp_path: Path) -> None:
    """The spare is made beside the caller while segments are used up as fast as they come."""
    with Queue.open(tmp_path / "queue", start=START, settings=SETTINGS, storage=Storage()) as queue:
        entries = append(queue, 60)
        assert [queue.read(seq) for seq in range(60)] == entries
    with Queue.open(tmp_path / "queue", start=START, settings=SETTINGS) as queue:
        assert [queue.read(seq) for seq in range(60)] == entries


def test_a_fill_that_comes_late_leaves_the_taken_file_alone(disk: MemoryDisk) -> None:
    """A background fill that waited for its turn while the spare was handed out makes the next one, not this one."""
    late: list[object] = []
    with open_queue(disk) as queue:
        disk.in_background = late.append  # type: ignore[assignment,method-assign]
        blank = queue._spare.take()
        taken = disk.files[blank]
        queue._spare.make()
        assert disk.files[blank] is taken
        assert disk.files[FOLDER / "spare.kq"] is not taken


def test_many_threads_read_while_one_writes_and_one_acknowledges(tmp_path: Path) -> None:
    """Readers get each record whole or learn that it is gone, while segments come and go under them."""
    settings = replace(SETTINGS, keep_receipted_s=0)
    failures: list[Exception] = []
    done = threading.Event()
    with Queue.open(tmp_path / "queue", start=START, settings=settings) as queue:

        def read_all() -> None:
            try:
                while not done.is_set():
                    for seq in range(queue.oldest_kept, queue.position.next_seq):
                        _read_or_gone(queue, seq)
            except Exception as error:
                failures.append(error)

        readers = [threading.Thread(target=read_all) for _ in range(3)]
        for reader in readers:
            reader.start()
        for _ in range(80):
            acknowledge(queue, append(queue)[0])
        done.set()
        for reader in readers:
            reader.join(60)
    assert failures == []


def _read_or_gone(queue: Queue, seq: int) -> None:
    try:
        assert queue.read(seq).seq == seq
    except NoSuchRecord:
        assert seq < queue.oldest_kept
