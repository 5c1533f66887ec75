"""Looking at the queue without holding it: beside a writer, beside purges, and without changing anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.queue import (
    CorruptFrame,
    Entry,
    Finding,
    NoQueue,
    NoSuchRecord,
    Queue,
    QueueReader,
    QueueUnreadable,
    RecordLost,
    Storage,
)
from agent.queue.layout import BLOCK
from tests.queue.damaged import FRAME, filled, flip
from tests.queue.memory_disk import MemoryDisk
from tests.queue.records import FOLDER, HOUR_NS, SETTINGS, START, Clock, acknowledge, append, open_queue, segments
from tests.queue.test_kill import ROOT, check_recipe


def findings(reader: QueueReader) -> list[Finding]:
    """Return what is wrong."""
    return [found for found in reader.examine() if isinstance(found, Finding)]


def frozen(disk: MemoryDisk) -> MemoryDisk:
    """Return the disk as one that refuses every change."""
    disk.read_only = True
    return disk


class TestWhatIsThere:
    """The same as the queue's own view, from a disk that takes no write."""

    def test_every_record_is_listed_with_its_signature(self) -> None:
        """In order, with size, time and whether it is acknowledged."""
        disk, entries = filled(25, acknowledged=7)
        listed = list(QueueReader.open(FOLDER, frozen(disk)).listed())
        assert [one.seq for one in listed] == list(range(25))
        assert [one.cose_sign1 for one in listed] == [entry.cose_sign1 for entry in entries]
        assert {one.size_bytes for one in listed} == {9000}
        assert [one.acknowledged for one in listed] == [seq < 7 for seq in range(25)]
        assert {one.appended_at_ns for one in listed} == {Clock().now_ns}
        assert {one.epoch for one in listed} == {START.epoch}

    def test_the_list_can_begin_anywhere(self) -> None:
        """Page by page, for long backlogs."""
        reader = QueueReader.open(FOLDER, filled(25)[0])
        assert [one.seq for one in reader.listed(22)] == [22, 23, 24]
        assert list(reader.listed(25)) == []

    def test_examining_reads_every_record_and_finds_nothing_wrong(self) -> None:
        """Entries come in order; no finding."""
        disk, entries = filled(25)
        assert list(QueueReader.open(FOLDER, frozen(disk)).examine()) == entries

    def test_heads_and_records_are_the_queues_own(self) -> None:
        """What an export is made of."""
        disk, entries = filled(25)
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert (reader.epoch, reader.next_seq, reader.acknowledged) == (START.epoch, 25, 0)
        assert [reader.read(seq) for seq in range(25)] == entries
        assert [reader.head_before(seq) for seq in range(26)] == [START.head, *(e.payload_sha256 for e in entries)]
        for outside in (-1, 26):
            with pytest.raises(NoSuchRecord):
                reader.head_before(outside)

    def test_an_empty_queue_is_empty(self) -> None:
        """Opened once, nothing in it."""
        disk = MemoryDisk()
        open_queue(disk).close()
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert (reader.next_seq, list(reader.listed()), list(reader.examine())) == (0, [], [])
        assert reader.head_before(0) == START.head

    def test_no_queue_is_told(self, tmp_path: Path) -> None:
        """A missing folder, or one without segments."""
        with pytest.raises(NoQueue):
            QueueReader.open(tmp_path / "queue")
        with pytest.raises(NoQueue):
            QueueReader.open(tmp_path)

    def test_a_folder_that_may_not_be_read_is_told(self, tmp_path: Path) -> None:
        """With the way to do it."""

        class Closed(Storage):
            def names(self, folder: Path) -> list[str]:
                raise PermissionError(13, "Permission denied")

        with pytest.raises(QueueUnreadable):
            QueueReader.open(tmp_path, Closed())


class TestDamage:
    """It is told and left as it is; whoever holds the queue sets it aside."""

    def test_a_damaged_record_is_a_finding_and_the_rest_is_read(self) -> None:
        """In the middle, and at the end where it was acknowledged."""
        disk, _ = filled(25, acknowledged=25)
        first, last = segments(disk)[0], segments(disk)[-1]
        flip(disk, first, BLOCK + 3 * FRAME + 5000)
        flip(disk, last, BLOCK + 4 * FRAME + 5000)
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert [finding.what for finding in findings(reader)] == ["record 3 is damaged", "record 24 is damaged"]
        assert reader.read(3) is None
        assert reader.read(4) is not None

    def test_a_damaged_header_leaves_a_line_without_size(self) -> None:
        """The record behind it shows that there was one."""
        disk, _ = filled(25)
        flip(disk, segments(disk)[0], BLOCK + 3 * FRAME)
        listed = list(QueueReader.open(FOLDER, frozen(disk)).listed())
        assert [one.seq for one in listed] == list(range(25))
        assert (listed[3].size_bytes, listed[3].cose_sign1, listed[3].set_aside) == (None, b"", False)

    def test_what_was_set_aside_is_told(self) -> None:
        """After the queue itself met it."""
        disk, _ = filled(25)
        flip(disk, segments(disk)[0], BLOCK + 3 * FRAME + 5000)
        with open_queue(disk) as queue, pytest.raises(RecordLost):
            queue.read(3)
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert [one.seq for one in reader.listed() if one.set_aside] == [3]
        assert reader.read(3) is None
        assert "record 3" in {finding.place for finding in findings(reader)}

    def test_a_missing_segment_is_a_finding(self) -> None:
        """Not acknowledged, and gone."""
        disk, _ = filled(25)
        del disk.files[segments(disk)[0]]
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert findings(reader) == [Finding("record 0", "segments before record 10 are gone")]
        assert [one.seq for one in reader.listed()] == list(range(25))

    def test_a_position_ahead_of_the_data_is_a_finding(self) -> None:
        """The queue itself refuses to open; a look still tells why."""
        disk, _ = filled(25, acknowledged=25)
        del disk.files[segments(disk)[-1]]
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert findings(reader) == [Finding("record 20", "missing; 25 are acknowledged")]

    def test_all_segments_gone_is_an_error(self) -> None:
        """Never an empty queue."""
        disk, _ = filled(5, acknowledged=5)
        for path in segments(disk):
            del disk.files[path]
        with pytest.raises(CorruptFrame):
            QueueReader.open(FOLDER, frozen(disk))

    def test_a_missing_position_is_stood_in_for(self) -> None:
        """As the next start does it."""
        disk, _ = filled(25, acknowledged=20)
        del disk.files[FOLDER / "acknowledged"]
        assert QueueReader.open(FOLDER, frozen(disk)).acknowledged == 0


class TestBesideAWriter:
    """Appends, rolls and purges go on while somebody looks."""

    @pytest.mark.parametrize("written", [0, 100, 156, 512, 4096, 8000])
    def test_a_record_that_is_being_written_is_not_there_yet(self, written: int) -> None:
        """Whatever part of it has arrived, it is no damage and not listed."""
        disk, entries = filled(3)
        path = segments(disk)[0]
        begin = BLOCK + 2 * FRAME
        disk.content(path)[begin + written : begin + FRAME] = bytes(FRAME - written)
        reader = QueueReader.open(FOLDER, frozen(disk))
        assert list(reader.examine()) == entries[:2]
        assert [one.seq for one in reader.listed()] == [0, 1]
        assert reader.head_before(2) == entries[1].payload_sha256

    def test_a_purge_between_look_and_read_is_no_finding(self) -> None:
        """What is gone is acknowledged."""
        disk, clock = MemoryDisk(), Clock()
        with open_queue(disk, clock=clock) as queue:
            entries = append(queue, 25)
            acknowledge(queue, entries[4])
            reader = QueueReader.open(FOLDER, disk)
            acknowledge(queue, entries[24])
            clock.now_ns += 2 * HOUR_NS
            acknowledge(queue, append(queue)[0])
            assert queue.oldest_kept == 20
            assert list(reader.examine()) == entries[20:]
            assert [one.seq for one in reader.listed()] == [20, 21, 22, 23, 24]
            with pytest.raises(NoSuchRecord):
                reader.read(3)

    def test_a_segment_that_vanishes_unacknowledged_is_a_finding(self) -> None:
        """Somebody deleted it under our hands."""
        disk, _ = filled(25)
        reader = QueueReader.open(FOLDER, disk)
        del disk.files[segments(disk)[0]]
        assert [finding.what for finding in findings(reader)] == ["gone"]
        assert [one.size_bytes for one in reader.listed()][9:11] == [None, 9000]

    def test_a_roll_during_the_look_is_looked_at_again(self) -> None:
        """The names are compared before and after."""
        disk, entries = filled(9)
        with open_queue(disk) as queue:
            plain = disk.names

            def names(folder: Path) -> list[str]:
                found = plain(folder)
                if queue.position.next_seq < 12:
                    entries.extend(append(queue))
                return found

            disk.names = names  # type: ignore[method-assign]
            reader = QueueReader.open(FOLDER, disk, pause=lambda _: None)
            assert list(reader.examine())[:10] == entries[:10]
            assert reader.next_seq >= 10

    def test_readers_beside_a_process_that_appends_acknowledges_and_purges_find_nothing_wrong(
        self, tmp_path: Path
    ) -> None:
        """The real disk and a real writer at full speed; every look is a true one."""
        command = [sys.executable, "-m", "tests.queue.kill_writer", str(tmp_path / "queue"), "purge"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            try:
                assert writer.stdout is not None
                writer.stdout.readline()
                seen = [_look(tmp_path / "queue", writer.stdout.readline) for _ in range(60)]
            finally:
                writer.kill()
        assert seen == sorted(seen)
        assert seen[-1] > seen[0]


def _look(folder: Path, next_line: Callable[[], str]) -> int:
    """Examine everything once; return the next seq."""
    for _ in range(5):
        next_line()
    reader = QueueReader.open(folder)
    for found in reader.examine():
        assert isinstance(found, Entry), found
        check_recipe(found)
    listed = [one.seq for one in reader.listed()]
    assert listed == sorted(listed)
    return reader.next_seq


def test_a_queue_that_is_held_can_be_looked_at(tmp_path: Path) -> None:
    """No lock is taken, none is needed."""
    with Queue.open(tmp_path / "queue", start=START, settings=SETTINGS) as queue:
        entries = append(queue, 15)
        assert list(QueueReader.open(tmp_path / "queue").examine()) == entries
        assert append(queue)[0].seq == 15
