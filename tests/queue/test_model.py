"""Random operations with crashes, against a list in memory."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.queue import Entry, HeadMismatch, NoSuchRecord, Queue
from tests.queue.memory_disk import MemoryDisk
from tests.queue.records import HOUR_NS, Clock, acknowledge, open_queue, record


class QueueMachine(RuleBasedStateMachine):
    """The model is the list of answered records and the acknowledged position."""

    disk: MemoryDisk
    queue: Queue

    @initialize()
    def begin(self) -> None:
        """Open an empty queue."""
        self.disk, self.clock = MemoryDisk(), Clock()
        self.queue = open_queue(self.disk, clock=self.clock)
        self.entries: list[Entry] = []
        self.acknowledged = 0

    @rule(sizes=st.lists(st.integers(200, 20_000), min_size=1, max_size=8))
    def append(self, sizes: list[int]) -> None:
        """Store some records."""
        for size in sizes:
            self.queue.ensure_room(1)
            entry = record(self.queue.position, size, salt=len(self.entries))
            self.queue.append(entry)
            self.entries.append(entry)

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Receipt up to any record, older ones included."""
        seq = data.draw(st.integers(0, len(self.entries) - 1))
        acknowledge(self.queue, self.entries[seq])
        self.acknowledged = max(self.acknowledged, seq + 1)

    @precondition(lambda self: self.acknowledged < len(self.entries))
    @rule()
    def acknowledge_wrongly(self) -> None:
        """Show a receipt with another hash: it changes nothing."""
        try:
            self.queue.acknowledge(self.acknowledged, bytes(32))
        except HeadMismatch:
            return
        raise AssertionError("a wrong receipt was believed")

    @rule(hours=st.integers(-5, 5))
    def let_time_pass(self, hours: int) -> None:
        """Let the clock go, or be set back."""
        self.clock.now_ns += hours * HOUR_NS

    @rule(seed=st.none() | st.integers(0, 2**16))
    def cut_the_power(self, seed: int | None) -> None:
        """Everything unsynced is lost, in full or in part."""
        self.disk = self.disk.crash(None if seed is None else random.Random(seed))  # noqa: S311 # choices, no secrets
        self.queue = open_queue(self.disk, clock=self.clock)

    @rule(orderly=st.booleans())
    def start_again(self, orderly: bool) -> None:
        """End the process, killed or closed, and start again."""
        if orderly:
            self.queue.close()
        self.disk = self.disk.restart()
        self.queue = open_queue(self.disk, clock=self.clock)

    @invariant()
    def agrees_with_the_model(self) -> None:
        """Every kept record is the right one, everything not receipted is kept, and the position is exact."""
        queue = self.queue
        assert queue.position.next_seq == len(self.entries)
        assert queue.acknowledged == self.acknowledged
        assert queue.oldest_kept <= queue.acknowledged
        for seq in range(queue.oldest_kept, len(self.entries)):
            assert queue.read(seq) == self.entries[seq]
        if queue.oldest_kept:
            try:
                queue.read(queue.oldest_kept - 1)
            except NoSuchRecord:
                pass
            else:
                raise AssertionError("a purged record was read")
        pending = sum(len(entry.ciphertext) for entry in self.entries[self.acknowledged :])
        assert queue.status().pending_bytes == pending


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
