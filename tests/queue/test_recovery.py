"""Start-up: every state that a crash or damage can leave has one outcome, and none uses a seq again."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.queue import CorruptFrame, EpochStart, OtherEpoch, OtherVersion, RecordLost
from agent.queue.layout import BLOCK, AckSlot, SegmentHeader
from tests.queue.damaged import FRAME, filled, flip, readable
from tests.queue.memory_disk import MemoryDisk
from tests.queue.records import FOLDER, SETTINGS, START, acknowledge, append, open_queue, segments

ACKNOWLEDGED = FOLDER / "acknowledged"


class TestSegments:
    """Segments that are missing, foreign, or not what their names say."""

    def test_one_damaged_header_copy_does_no_harm(self) -> None:
        """The other copy lies in another sector."""
        for place in (0, 1024):
            disk, entries = filled(3)
            flip(disk, segments(disk)[0], place + 20)
            with open_queue(disk) as queue:
                assert [queue.read(seq) for seq in range(3)] == entries

    def test_without_its_header_a_segment_is_read_by_its_name_and_first_record(self) -> None:
        """A whole block lost costs no record."""
        disk, entries = filled(15)
        for path in segments(disk):
            disk.content(path)[:BLOCK] = bytes(BLOCK)
        with open_queue(disk) as queue:
            assert [queue.read(seq) for seq in range(15)] == entries

    def test_an_empty_newest_segment_without_its_header_stops_the_start(self) -> None:
        """Nothing tells any more how the chain goes on."""
        disk, _ = filled(10)
        with open_queue(disk) as queue:
            queue._roll()
        disk.content(segments(disk)[-1])[:BLOCK] = bytes(BLOCK)
        with pytest.raises(CorruptFrame):
            open_queue(disk)

    def test_all_segments_gone_stops_the_start(self) -> None:
        """An acknowledged position alone must not begin again at seq 0."""
        for acknowledged in (0, 3):
            disk, _ = filled(3, acknowledged)
            for path in segments(disk):
                disk.unlink(path)
            with pytest.raises(CorruptFrame):
                open_queue(disk)
            assert segments(disk) == []

    def test_all_older_segments_gone_leaves_the_chain_and_names_the_lost(self) -> None:
        """The newest header says where the chain stands."""
        disk, entries = filled(25, acknowledged=4)
        for path in segments(disk)[:-1]:
            disk.unlink(path)
        with open_queue(disk) as queue:
            assert queue.position.next_seq == 25
            assert queue.oldest_kept == 20
            with pytest.raises(RecordLost) as caught:
                queue.read(4)
            assert not caught.value.known
            assert queue.lost == list(range(4, 20))
            with pytest.raises(RecordLost) as caught:
                queue.read(19)
            assert caught.value.payload_sha256 == entries[19].payload_sha256
            assert [queue.read(seq) for seq in range(20, 25)] == entries[20:]

    def test_receipted_segments_gone_are_a_normal_start(self) -> None:
        """Nothing is lost: the collector has them."""
        disk, entries = filled(25, acknowledged=22)
        for path in segments(disk)[:-1]:
            disk.unlink(path)
        with open_queue(disk) as queue:
            assert queue.verify() == []
            assert queue.read(22) == entries[22]

    def test_a_missing_segment_in_the_middle_loses_its_records_only(self) -> None:
        """The segment before ends early, the one behind names the hash before it."""
        disk, entries = filled(25)
        disk.unlink(segments(disk)[1])
        with open_queue(disk) as queue:
            found = readable(queue)
            assert [seq for seq, entry in found.items() if isinstance(entry, RecordLost)] == list(range(10, 20))
            assert [found[seq] for seq in (*range(10), *range(20, 25))] == entries[:10] + entries[20:]
            assert queue.head_before(20) == entries[19].payload_sha256

    def test_a_shortened_newest_segment_stops_the_start(self) -> None:
        """Segments are made in full: what is cut off may have held answered records."""
        disk, _ = filled(3)
        length = len(disk.content(segments(disk)[0]))
        for cut in (0, 1, BLOCK, BLOCK + FRAME, length - 1):
            again = disk.crash(None)
            del again.content(segments(again)[0])[cut:]
            with pytest.raises(CorruptFrame):
                open_queue(again)

    def test_a_shortened_older_segment_loses_what_was_cut_off(self) -> None:
        """The rest drains."""
        disk, entries = filled(25)
        del disk.content(segments(disk)[0])[BLOCK + 3 * FRAME + 5000 :]
        with open_queue(disk) as queue:
            found = readable(queue)
            lost = [seq for seq, entry in found.items() if isinstance(entry, RecordLost)]
            assert lost == list(range(3, 10))
            assert all(found[entry.seq] == entry for entry in entries if entry.seq not in lost)

    def test_a_segment_under_another_segments_name_stops_the_start(self) -> None:
        """A file copied over another is no newest segment."""
        disk, _ = filled(15)
        newest = segments(disk)[-1]
        disk.content(newest)[:] = disk.content(segments(disk)[0])
        with pytest.raises(CorruptFrame):
            open_queue(disk)

    def test_foreign_files_are_left_alone_and_named(self) -> None:
        """Copies made by hand, other programs' files."""
        disk, entries = filled(3)
        for name in ("segment-1.kq", "segment-0000000007-00000000000000-0000 (copy).kq", "notes.txt", "lost+found"):
            disk.close(disk.create(FOLDER / name))
        with capture_logs() as logs, open_queue(disk) as queue:
            assert readable(queue) == dict(enumerate(entries))
        assert len([event for event in logs if event["event"] == "queue.foreign_file"]) == 4
        assert FOLDER / "notes.txt" in disk.files

    def test_half_made_files_are_removed(self) -> None:
        """Fills and replacements that a crash interrupted."""
        disk, entries = filled(3)
        for name in ("spare.new", "acknowledged.new", "taken.new"):
            disk.close(disk.create(FOLDER / name))
        with open_queue(disk) as queue:
            assert readable(queue) == dict(enumerate(entries))
        assert not [path for path in disk.files if path.suffix == ".new"]

    def test_a_spare_of_another_size_is_made_anew(self) -> None:
        """The settings changed."""
        disk, _ = filled(3)
        settings = replace(SETTINGS, segment_bytes=2 * SETTINGS.segment_bytes)
        with open_queue(disk, settings=settings) as queue:
            append(queue, 12)
            assert [len(disk.content(path)) for path in segments(disk)] == [
                SETTINGS.segment_bytes,
                settings.segment_bytes,
            ]

    def test_another_epoch_or_key_is_refused(self) -> None:
        """A new epoch is opened on purpose, never by starting with another key."""
        disk, _ = filled(3)
        for start in (EpochStart(START.epoch + 1, START.head), EpochStart(START.epoch, bytes(32))):
            with pytest.raises(OtherEpoch):
                open_queue(disk, start=start)

    def test_a_folder_of_another_version_is_refused_untouched(self) -> None:
        """An older or newer program wrote it."""
        disk, _ = filled(3)
        for place in (4, 1024 + 4):
            disk.content(segments(disk)[0])[place] = 9
        before = {path: bytes(file.now) for path, file in disk.files.items()}
        with pytest.raises(OtherVersion):
            open_queue(disk)
        assert {path: bytes(file.now) for path, file in disk.files.items()} == before


class TestPosition:
    """The acknowledged position: two slots, and what happens without them."""

    def test_the_slots_take_turns(self) -> None:
        """A torn write leaves the older one."""
        disk = MemoryDisk()
        with open_queue(disk) as queue:
            entries = append(queue, 4)
            for entry in entries:
                acknowledge(queue, entry)
        data = bytes(disk.content(ACKNOWLEDGED))
        found = sorted(slot.next_seq for place in (0, BLOCK) if (slot := AckSlot.unpack(data[place:])) is not None)
        assert found == [3, 4]

    def test_a_flip_at_any_byte_of_the_slots_goes_back_one_step_at_most(self) -> None:
        """The collector skips what it has; nothing is ever acknowledged that was not."""
        disk = MemoryDisk()
        with open_queue(disk) as queue:
            entries = append(queue, 4)
            acknowledge(queue, entries[1])
            acknowledge(queue, entries[2])
        disk.settle()
        clean = bytes(disk.content(ACKNOWLEDGED))
        for offset in [*range(0, 90), *range(BLOCK, BLOCK + 90)]:
            flip(disk, ACKNOWLEDGED, offset)
            disk.settle()
            again = disk.crash(None)
            with open_queue(again) as queue:
                assert queue.acknowledged in {2, 3}
                assert queue.position.next_seq == 4
            disk.content(ACKNOWLEDGED)[:] = clean

    @pytest.mark.parametrize("damage", ["missing", "empty", "short", "zero"])
    def test_without_a_valid_slot_everything_kept_is_sent_again(self, damage: str) -> None:
        """The position goes back to the oldest record; the collector's resume moves it forward."""
        disk, entries = filled(15, acknowledged=12)
        changes: dict[str, Callable[[], object]] = {
            "missing": lambda: disk.unlink(ACKNOWLEDGED),
            "empty": lambda: disk.content(ACKNOWLEDGED).clear(),
            "short": lambda: disk.content(ACKNOWLEDGED).__delitem__(slice(10, None)),
            "zero": lambda: disk.content(ACKNOWLEDGED).__setitem__(slice(None), bytes(2 * BLOCK)),
        }
        changes[damage]()
        with capture_logs() as logs, open_queue(disk) as queue:
            assert queue.acknowledged == 0
            assert readable(queue) == dict(enumerate(entries))
            acknowledge(queue, entries[12])
        assert "queue.position_rebuilt" in {event["event"] for event in logs}
        with open_queue(disk) as queue:
            assert queue.acknowledged == 13

    def test_a_position_ahead_of_the_data_stops_the_start(self) -> None:
        """Receipted records that are not here any more: the next seq is not known."""
        disk, _ = filled(25, acknowledged=24)
        disk.unlink(segments(disk)[-1])
        with pytest.raises(CorruptFrame):
            open_queue(disk)

    def test_a_position_from_another_chain_stops_the_start(self) -> None:
        """The slots name the hash of the last receipted record, and it must be ours."""
        disk, entries = filled(3, acknowledged=3)
        slot = AckSlot(99, START.epoch, 3, entries[1].payload_sha256, 0)
        disk.content(ACKNOWLEDGED)[:BLOCK] = slot.pack()
        with pytest.raises(CorruptFrame):
            open_queue(disk)

    def test_a_position_of_another_epoch_is_refused(self) -> None:
        """Two folders were mixed."""
        disk, _ = filled(3, acknowledged=3)
        disk.content(ACKNOWLEDGED)[:BLOCK] = AckSlot(99, START.epoch + 1, 0, bytes(32), 0).pack()
        with pytest.raises(OtherEpoch):
            open_queue(disk)


def test_the_start_reads_only_the_newest_segment() -> None:
    """However many records wait, the start costs the same: older segments are looked at when they are read."""
    disk, _ = filled(95)
    opened: list[Path] = []
    plain_open = disk.open

    def counted(path: Path, *, writing: bool = False) -> int:
        opened.append(path)
        return plain_open(path, writing=writing)

    disk.open = counted  # type: ignore[method-assign]
    with open_queue(disk) as queue:
        assert queue.status().pending_records == 95
        assert queue.status().pending_bytes == 95 * 9000
    assert set(opened) & set(segments(disk)[1:-1]) == set()


def test_a_last_record_that_cannot_be_written_once_more_moves_to_a_new_segment() -> None:
    """A disk that fails right at the start gets it in another place, under its own seq."""
    disk, entries = filled(3)
    with open_queue(disk):
        steps = len(disk.steps)
    first_write = disk.steps.index("write")
    again = disk.crash(None)
    again.faults = {first_write: OSError(errno.EIO, "injected")}
    with open_queue(again) as queue:
        assert steps
        assert readable(queue) == dict(enumerate(entries))
        assert len(segments(again)) == 2
        assert SegmentHeader.unpack(bytes(again.content(segments(again)[-1]))[:BLOCK]) is not None
    with open_queue(again.crash(None)) as queue:
        assert readable(queue) == dict(enumerate(entries))
