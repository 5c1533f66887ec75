"""Reads the queue's folder without opening the queue: nothing is locked, written or recovered.

So it works beside a daemon that appends, and on a queue that does not open any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Event

from agent.diagnostics.system import not_permitted
from agent.queue.acknowledged import NAME as ACKNOWLEDGED
from agent.queue.acknowledged import AcknowledgedFile
from agent.queue.layout import AckSlot
from agent.queue.quarantine import Quarantine
from agent.queue.recovery import OURS
from agent.queue.segment import Damaged, Segment, SegmentName
from agent.queue.storage import Storage


@dataclass(slots=True)
class QueueFacts:
    """What lies there. `checked` counts the waiting records that were read in full, of `pending`."""

    segments: int = 0
    epoch: int | None = None
    next_seq: int = 0
    slot: AckSlot | None = None
    pending_bytes: int = 0
    record_bytes: int = 0
    oldest_pending_ns: int | None = None
    checked: int = 0
    lost: list[int] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """The first seq that is not acknowledged, as far as the folder says."""
        return self.slot.next_seq if self.slot is not None else 0

    @property
    def pending(self) -> int:
        """Records that wait."""
        return max(0, self.next_seq - self.acknowledged)


class QueueChanged(Exception):
    """The folder changed again and again while it was read."""


def read_queue(folder: Path, deadline: float, cancelled: Event) -> QueueFacts | None:
    """Return what the folder holds, or None when there is none.

    Every frame's header and the chain are looked at; the bodies of waiting records, oldest first, until `deadline`
    (time.monotonic()). Raises NotAssessed, OtherVersion, QueueChanged or OSError.
    """
    for _ in range(3):
        try:
            return _Reading(folder, lambda: cancelled.is_set() or time.monotonic() >= deadline).facts()
        except FileNotFoundError:
            # A segment was purged meanwhile, or there is no queue at all.
            if not folder.exists():
                return None
        except PermissionError as error:
            raise not_permitted(folder) from error
    raise QueueChanged(str(folder))


class _Reading:
    def __init__(self, folder: Path, over: Callable[[], bool]) -> None:
        self._folder, self._over = folder, over
        self._storage = Storage()
        self._facts = QueueFacts()

    def facts(self) -> QueueFacts:
        names = self._names()
        segments = [Segment(self._storage, self._folder / str(name), name) for name in names]
        facts = self._facts
        facts.segments = len(segments)
        facts.epoch = names[-1].epoch if names else None
        facts.slot = AcknowledgedFile.load(self._storage, self._folder / ACKNOWLEDGED)
        facts.lost = Quarantine(self._storage, self._folder).seqs
        ends: list[int | None] = [after.first_seq for _, after in pairwise(segments)]
        with_ends = list(zip(segments, [*ends, None], strict=True)) if segments else []
        self._look_at_chain(with_ends)
        self._read_bodies(with_ends)
        return facts

    def _names(self) -> list[SegmentName]:
        found = []
        for text in self._storage.names(self._folder):
            name = SegmentName.parse(text)
            if name is not None:
                found.append(name)
            elif text not in OURS and not text.endswith(".new"):
                self._facts.foreign.append(text)
        return sorted(found)

    def _look_at_chain(self, segments: list[tuple[Segment, int | None]]) -> None:
        facts, head = self._facts, None
        for segment, until in segments:
            header, index = segment.header(), segment.load(until)
            if header is None:
                facts.damaged.append(f"{segment.name}: header")
            elif head is not None and header.head != head:
                facts.broken.append(f"{segment.name} does not continue the segment before it")
            if index.chain_broken:
                facts.broken.append(f"{segment.name}: a record does not continue the one before it")
            for gap in index.gaps:
                seqs = range(gap.first_seq, gap.next_seq)
                facts.damaged += [f"record {seq}" for seq in seqs if seq not in facts.lost]
            head, facts.next_seq, facts.record_bytes = index.head, index.next_seq, index.total_bytes
        if segments and facts.slot is not None and facts.acknowledged < segments[0][0].first_seq:
            facts.damaged.append(f"segments before record {segments[0][0].first_seq} are gone")
        facts.pending_bytes = max(0, facts.record_bytes - (facts.slot.bytes_before if facts.slot else 0))

    def _read_bodies(self, segments: list[tuple[Segment, int | None]]) -> None:
        facts = self._facts
        for segment, until in segments:
            end = until if until is not None else facts.next_seq
            for seq in range(max(segment.first_seq, facts.acknowledged), end):
                if self._over():
                    return
                if seq not in facts.lost:
                    self._read_body(segment, until, seq)

    def _read_body(self, segment: Segment, until: int | None, seq: int) -> None:
        facts = self._facts
        try:
            if facts.oldest_pending_ns is None:
                facts.oldest_pending_ns = segment.frame(seq, until).appended_at_ns
            segment.read(seq, until)
            facts.checked += 1
        except Damaged:
            if seq == facts.next_seq - 1 and until is None:
                # The daemon may be writing it this very moment; a second look tells.
                time.sleep(0.05)
                facts.checked += 1
                if _whole(segment, seq):
                    return
            if f"record {seq}" not in facts.damaged:
                facts.damaged.append(f"record {seq}")


def _whole(segment: Segment, seq: int) -> bool:
    try:
        segment.read(seq, None)
    except Damaged:
        return False
    return True
