"""The end of the newest segment, torn or damaged, and damage anywhere else: at most the record that is hit is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agent.queue import DiskFailing, RecordLost
from agent.queue.layout import BLOCK, FRAME_HEADER_BYTES, FrameHeader, place_holder
from tests.queue.damaged import FRAME, filled, flip, readable
from tests.queue.records import FOLDER, START, append, open_queue, segments


class TestTornTail:
    """A write that the power cut short was never answered: it is dropped, and its place is not written again."""

    @pytest.mark.parametrize("written", [0, 512, 1024, 4096, 8192, 9216])
    def test_a_record_written_in_part_is_dropped_and_its_seq_given_to_the_next(self, written: int) -> None:
        """From the sector where the write ended on, the space is still zero."""
        disk, entries = filled(3)
        path = segments(disk)[0]
        begin = BLOCK + 2 * FRAME
        disk.content(path)[begin + written : begin + FRAME] = bytes(FRAME - written)
        with open_queue(disk) as queue:
            assert readable(queue) == {0: entries[0], 1: entries[1]}
            assert append(queue)[0].seq == 2
            assert len(segments(disk)) == (2 if written else 1)

    def test_a_record_whose_header_never_arrived_is_dropped(self) -> None:
        """The disk wrote the body first; what is behind the last frame is not written over."""
        disk, entries = filled(3)
        path = segments(disk)[0]
        disk.content(path)[BLOCK + 2 * FRAME : BLOCK + 2 * FRAME + 512] = bytes(512)
        with open_queue(disk) as queue:
            assert readable(queue) == {0: entries[0], 1: entries[1]}
            append(queue)
            assert len(segments(disk)) == 2

    def test_a_record_cut_at_any_byte_is_dropped_or_told_lost_and_no_other_one_suffers(self) -> None:
        """Even a disk that tears inside a sector never gives a wrong record or uses an answered seq again."""
        for written in range(0, 1100, 7):
            disk, entries = filled(3, size=600)
            path = segments(disk)[0]
            begin = BLOCK + 2 * BLOCK
            disk.content(path)[begin + written : begin + BLOCK] = bytes(BLOCK - written)
            with open_queue(disk) as queue:
                found = readable(queue)
                assert found.pop(0) == entries[0]
                assert found.pop(1) == entries[1]
                assert all(isinstance(rest, RecordLost) or rest == entries[2] for rest in found.values())
                assert queue.position.next_seq == 2 + len(found)

    def test_a_torn_record_that_is_receipted_keeps_its_place(self) -> None:
        """The collector has it: its seq was used."""
        disk, entries = filled(3, acknowledged=3)
        disk.content(segments(disk)[0])[BLOCK + 2 * FRAME + 4096 : BLOCK + 3 * FRAME] = bytes(8192)
        with open_queue(disk) as queue:
            assert queue.position.next_seq == 3
            assert queue.position.head == entries[2].payload_sha256


class TestDamage:
    """Bytes that changed after they were written."""

    def test_a_flip_at_any_byte_of_a_segment_loses_at_most_the_record_it_hits(self) -> None:
        """All the others drain, the hit one is named, and the next seq stays the next one."""
        disk, entries = filled(3, size=600)
        path = segments(disk)[0]
        clean = bytes(disk.content(path))
        for offset in [*range(0, 2100), *range(BLOCK, BLOCK + 1200), *range(3 * BLOCK, 3 * BLOCK + 1200, 3)]:
            flip(disk, path, offset)
            disk.settle()
            again = disk.crash(None)
            with open_queue(again) as queue:
                assert queue.position.next_seq == 3
                found = readable(queue)
                hit = (offset - BLOCK) // BLOCK
                assert all(found[seq] == entries[seq] for seq in range(3) if seq != hit)
                assert hit < 0 or isinstance(found[hit], RecordLost) or found[hit] == entries[hit]
                append(queue)
            disk.content(path)[:] = clean

    @pytest.mark.parametrize("offset", [0, 40, FRAME_HEADER_BYTES + 3, FRAME_HEADER_BYTES + 5000])
    def test_a_damaged_record_in_the_middle_is_quarantined_and_stands_in_the_chain(self, offset: int) -> None:
        """Its bytes are kept, its payload hash is the `prev` of the next record, and the rest drains."""
        disk, entries = filled(15, acknowledged=2)
        flip(disk, segments(disk)[0], BLOCK + 4 * FRAME + offset)
        with open_queue(disk) as queue:
            with pytest.raises(RecordLost) as caught:
                queue.read(4)
            assert caught.value.payload_sha256 == entries[4].payload_sha256
            assert caught.value.known
            assert queue.lost == [4]
            kept = disk.content(FOLDER / "quarantine" / f"lost-{START.epoch:010d}-{4:014d}.kq")
            assert entries[4].ciphertext[5000:] in kept
            assert [queue.read(seq) for seq in range(5, 15)] == entries[5:]
            assert queue.head_before(5) == entries[4].payload_sha256
            assert queue.head_before(4) == entries[3].payload_sha256
            queue.acknowledge(4, entries[4].payload_sha256)
            assert queue.acknowledged == 5

    def test_what_is_lost_stays_lost(self) -> None:
        """A sector that comes back must not make a record reappear behind its tombstone."""
        disk, _ = filled(3)
        flip(disk, segments(disk)[0], BLOCK + FRAME + 5000)
        with open_queue(disk) as queue, pytest.raises(RecordLost):
            queue.read(1)
        flip(disk, segments(disk)[0], BLOCK + FRAME + 5000)
        with open_queue(disk) as queue:
            assert queue.lost == [1]
            with pytest.raises(RecordLost):
                queue.read(1)

    def test_two_neighbours_lost_leave_one_hash_unknown(self) -> None:
        """Only the record behind the gap knows the last hash; the other one gets its place-holder."""
        disk, entries = filled(5)
        for seq in (1, 2):
            flip(disk, segments(disk)[0], BLOCK + seq * FRAME)
        with open_queue(disk) as queue:
            found = readable(queue)
            first, second = found[1], found[2]
            assert isinstance(first, RecordLost)
            assert isinstance(second, RecordLost)
            assert (first.payload_sha256, first.known) == (place_holder(START.epoch, 1), False)
            assert (second.payload_sha256, second.known) == (entries[2].payload_sha256, True)
            assert found[3] == entries[3]
            assert queue.head_before(2) == place_holder(START.epoch, 1)
            assert queue.head_before(1) == entries[0].payload_sha256

    def test_a_damaged_header_of_the_last_record_uses_up_its_seq(self) -> None:
        """It cannot be told from an answered record: the next one gets the next seq, behind a place-holder."""
        disk, _ = filled(3)
        flip(disk, segments(disk)[0], BLOCK + 2 * FRAME + 20)
        with capture_logs() as logs, open_queue(disk) as queue:
            assert queue.position.next_seq == 3
            assert queue.position.head == place_holder(START.epoch, 2)
            added = append(queue, 2)
        assert "queue.record_lost" in {event["event"] for event in logs}
        with open_queue(disk) as queue:
            assert queue.lost == [2]
            assert [queue.read(3), queue.read(4)] == added

    def test_a_sector_that_cannot_be_read_loses_only_its_record(self) -> None:
        """EIO that stays is damage like any other."""
        disk, entries = filled(15)
        disk.bad_blocks.add((segments(disk)[0], 1 + 3 * 3 + 1))
        with open_queue(disk) as queue:
            found = readable(queue)
            assert isinstance(found.pop(3), RecordLost)
            assert found == {entry.seq: entry for entry in entries if entry.seq != 3}

    def test_a_sector_of_the_newest_segment_that_cannot_be_read_stops_the_start(self) -> None:
        """What cannot be read may be an answered record: it must not be taken for one that was never written."""
        disk, _ = filled(3)
        disk.bad_blocks.add((segments(disk)[0], 1 + 2 * 3 + 1))
        with pytest.raises(DiskFailing):
            open_queue(disk)

    def test_verify_names_every_damaged_record_and_changes_nothing(self) -> None:
        """For a technician who only wants to look."""
        disk, _ = filled(15)
        flip(disk, segments(disk)[0], BLOCK + 4 * FRAME + 5000)
        flip(disk, segments(disk)[1], BLOCK + 1 * FRAME + 5000)
        with open_queue(disk) as queue:
            steps = len(disk.steps)
            assert [finding.what for finding in queue.verify()] == ["record 4 is damaged", "record 11 is damaged"]
            assert len(disk.steps) == steps

    def test_a_header_that_claims_a_far_seq_is_not_believed(self) -> None:
        """A number of missing records that there is no room for would fill the memory."""
        disk, entries = filled(3)
        path, begin = segments(disk)[0], BLOCK + 2 * FRAME
        far = FrameHeader.of(replace(entries[2], seq=2**40), 0, 0)
        disk.content(path)[begin : begin + FRAME_HEADER_BYTES] = bytes(FRAME_HEADER_BYTES)
        disk.content(path)[begin + BLOCK : begin + BLOCK + FRAME_HEADER_BYTES] = far.pack()
        with open_queue(disk) as queue:
            assert queue.position.next_seq <= 3
            assert [queue.read(seq) for seq in range(2)] == entries[:2]
