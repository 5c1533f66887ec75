"""The segments as one chain: where a record is, what comes before it, and what is lost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from threading import Lock

import structlog

from agent.queue.acknowledged import AcknowledgedFile
from agent.queue.entry import Entry, Finding, Listed, Position
from agent.queue.errors import NoSuchRecord, RecordLost
from agent.queue.layout import place_holder
from agent.queue.quarantine import Quarantine
from agent.queue.scan import Gap
from agent.queue.segment import Damaged, Segment

log = structlog.get_logger()


class Chain:
    """All segments, oldest first. `segments` is replaced as a whole, so readers work on the tuple they took."""

    def __init__(self, segments: tuple[Segment, ...], acknowledged: AcknowledgedFile, quarantine: Quarantine) -> None:
        self.segments, self.quarantine = segments, quarantine
        self._acknowledged = acknowledged
        self._losing = Lock()

    @property
    def newest(self) -> Segment:
        """The one that is written to."""
        return self.segments[-1]

    def end(self) -> Position:
        """Return where the chain stands."""
        index = self.newest.newest_index
        return Position(self.newest.name.epoch, index.next_seq, index.head)

    def receipted(self) -> list[Segment]:
        """Return the segments, never the newest, of which every record is acknowledged."""
        segments, through = self.segments, self._acknowledged.slot.next_seq
        last = bisect_right(segments, through, key=lambda segment: segment.first_seq) - 1
        return list(segments[: max(0, last)])

    def read(self, seq: int, next_seq: int) -> Entry:
        """Return a record below `next_seq`. Raises NoSuchRecord, RecordLost or OSError."""
        place = self._kept_place(seq, next_seq)
        if place is None:
            raise self._lose(self._missing(), None, seq)
        try:
            return self._read_at(seq, place)
        except Damaged as damage:
            raise self._lose(damage.gap, place, seq) from damage

    def peek(self, seq: int, next_seq: int) -> Entry | None:
        """Return a record, None when it is damaged; nothing is set aside. Raises NoSuchRecord, RecordLost, OSError."""
        place = self._kept_place(seq, next_seq)
        if place is None:
            return None
        try:
            return self._read_at(seq, place)
        except Damaged:
            return None

    def head_before(self, seq: int, next_seq: int) -> bytes:
        """Return the payload hash of record seq - 1, for a seq below `next_seq`. Raises NoSuchRecord or OSError."""
        if seq == self._acknowledged.slot.next_seq:
            return self._acknowledged.slot.head
        self._refuse_outside(seq, next_seq)
        place = self._place(seq)
        if place is not None:
            with suppress(Damaged):
                return place[0].frame(seq, place[1]).prev
        return self._hash_of(seq - 1)

    def end_of(self, seq: int, next_seq: int) -> tuple[bytes, int]:
        """Return what `head_before(seq + 1)` does, and the epoch's ciphertext bytes up to and including the record.

        The bytes are as near as is known. Raises NoSuchRecord or OSError.
        """
        if seq + 1 == self.newest.newest_index.next_seq:
            return self.newest.newest_index.head, self.newest.newest_index.total_bytes
        self._refuse_outside(seq + 1, next_seq)
        place = self._place(seq + 1)
        if place is not None:
            with suppress(Damaged):
                following = place[0].frame(seq + 1, place[1])
                return following.prev, following.bytes_before
        return self.head_before(seq + 1, next_seq), self._acknowledged.slot.bytes_before

    def appended_at_ns(self, seq: int) -> int | None:
        """Return when a record was appended, or None when that cannot be read."""
        place = self._place(seq)
        if place is not None:
            with suppress(Damaged, OSError):
                return place[0].frame(seq, place[1]).appended_at_ns
        return None

    def verify(self, next_seq: int) -> list[Finding]:
        """Read every record and compare the ends of neighbouring segments."""
        return [found for found in self.examine(next_seq) if isinstance(found, Finding)]

    def examine(self, next_seq: int) -> Iterator[Entry | Finding]:
        """Read every record, oldest first; yield it, or what is wrong. Changes nothing. Raises OSError."""
        lost = self.quarantine.seqs
        yield from (Finding(f"record {seq}", "lost, see quarantine", set_aside=True) for seq in lost)
        if (gap := self._missing()) is not None:
            yield Finding(f"record {gap.first_seq}", f"segments before record {gap.next_seq} are gone")
        head: bytes | None = None
        for segment, until in self._with_ends():
            try:
                yield from _examine(segment, until if until is not None else next_seq, until, head, lost)
                head = segment.load(until).head
            except FileNotFoundError:
                head = None
                if not self._was_purged(until):
                    yield Finding(str(segment.name), "gone")

    def listed(self, from_seq: int, next_seq: int) -> Iterator[Listed]:
        """Yield what is known of each record from `from_seq` on, without its ciphertext. Raises OSError."""
        through = self._acknowledged.slot.next_seq
        for seq in range(max(from_seq, min(self.segments[0].first_seq, through)), next_seq):
            if self.quarantine.find(seq) is not None:
                yield Listed(self.newest.name.epoch, seq, None, None, seq < through, set_aside=True)
            elif (found := self._listed(seq, through)) is not None:
                yield found

    def _listed(self, seq: int, through: int) -> Listed | None:
        """Return a record's line; None when it was purged in the meantime."""
        place = self._place(seq)
        blank = Listed(self.newest.name.epoch, seq, None, None, seq < through, set_aside=False)
        if place is None:
            return blank
        try:
            frame, cose = place[0].signature(seq, place[1])
        except Damaged:
            return blank
        except FileNotFoundError:
            return None if self._was_purged(place[1]) else blank
        return replace(blank, size_bytes=frame.ciphertext_length, appended_at_ns=frame.appended_at_ns, cose_sign1=cose)

    def _was_purged(self, until: int | None) -> bool:
        """Say whether a segment that ends at `until` may be gone: everything in it is acknowledged."""
        slot = self._acknowledged.on_disk()
        return until is not None and slot is not None and slot.next_seq >= until

    def _with_ends(self) -> Iterator[tuple[Segment, int | None]]:
        segments = self.segments
        for segment, following in pairwise(segments):
            yield segment, following.first_seq
        yield segments[-1], None

    def _refuse_outside(self, seq: int, next_seq: int) -> None:
        if not 0 <= seq < next_seq or seq < min(self.segments[0].first_seq, self._acknowledged.slot.next_seq):
            raise NoSuchRecord(f"seq {seq}")

    def _place(self, seq: int) -> tuple[Segment, int | None] | None:
        """Return the segment of a record and where the next one takes over; None below the oldest."""
        segments = self.segments
        place = bisect_right(segments, seq, key=lambda segment: segment.first_seq) - 1
        if place < 0:
            return None
        return segments[place], segments[place + 1].first_seq if place + 1 < len(segments) else None

    def _kept_place(self, seq: int, next_seq: int) -> tuple[Segment, int | None] | None:
        """Return where a record is; None when its segment is gone. Raises NoSuchRecord or RecordLost."""
        self._refuse_outside(seq, next_seq)
        lost = self.quarantine.find(seq)
        if lost is not None:
            raise lost
        return self._place(seq)

    @staticmethod
    def _read_at(seq: int, place: tuple[Segment, int | None]) -> Entry:
        segment, until = place
        try:
            return segment.read(seq, until)
        except FileNotFoundError as error:
            raise NoSuchRecord(f"seq {seq}: {segment.name} is gone") from error

    def _missing(self) -> Gap | None:
        """Return the records that are not acknowledged and whose segments are gone."""
        oldest, first_seq = self.segments[0], self._acknowledged.slot.next_seq
        if first_seq >= oldest.first_seq:
            return None
        return Gap(first_seq, oldest.first_seq, b"", 0, 0)

    def _lose(self, gap: Gap | None, place: tuple[Segment, int | None] | None, seq: int) -> RecordLost | NoSuchRecord:
        """Put what is left of damaged records into quarantine; return the error for record `seq`. Raises OSError."""
        if gap is None:
            return NoSuchRecord(f"seq {seq}")
        with self._losing:
            lost = self.quarantine.find(seq)
            if lost is not None:
                return lost
            epoch = self.newest.name.epoch
            if place is not None and place[1] is not None and gap.next_seq > place[0].load(place[1]).next_seq:
                gap = replace(gap, next_seq=place[1])
            if not gap.last_payload_sha256:
                gap = replace(
                    gap, last_payload_sha256=self._prev_of(gap.next_seq) or place_holder(epoch, gap.next_seq - 1)
                )
            self.quarantine.keep(epoch, gap, place[0].bytes_of(gap) if place is not None else b"")
            log.error("queue.record_lost", first_seq=gap.first_seq, next_seq=gap.next_seq)
            found = self.quarantine.find(seq)
        return found or NoSuchRecord(f"seq {seq}")

    def _prev_of(self, seq: int) -> bytes | None:
        """Return the `prev` that record `seq`, or the segment that begins with it, names; None when unreadable."""
        if seq == self.newest.newest_index.next_seq:
            return self.newest.newest_index.head
        place = self._place(seq)
        if place is None:
            return None
        segment, until = place
        if seq == segment.first_seq and (header := segment.header()) is not None:
            return header.head
        with suppress(Damaged):
            return segment.frame(seq, until).prev
        return None

    def _hash_of(self, seq: int) -> bytes:
        """Return the payload hash of a record behind which something is damaged."""
        lost = self.quarantine.find(seq)
        if lost is not None:
            return lost.payload_sha256
        place = self._place(seq)
        if place is None:
            raise NoSuchRecord(f"seq {seq}")
        try:
            return place[0].frame(seq, place[1]).payload_sha256
        except Damaged:
            return self._prev_of(seq + 1) or place_holder(self.newest.name.epoch, seq)


def _examine(
    segment: Segment, end: int, until: int | None, head: bytes | None, told: Collection[int]
) -> Iterator[Entry | Finding]:
    name = str(segment.name)
    header, index = segment.header(), segment.load(until)
    if header is None:
        yield Finding(name, "both copies of the header are damaged")
    elif head is not None and header.head != head:
        yield Finding(name, "does not continue the segment before it")
    if index.chain_broken:
        yield Finding(name, "a record does not continue the one before it")
    for seq in range(segment.first_seq, end):
        try:
            yield segment.read(seq, until)
        except Damaged:
            if seq not in told:
                yield Finding(name, f"record {seq} is damaged")
