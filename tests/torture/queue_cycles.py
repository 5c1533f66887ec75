"""kill -9 at every write point of the queue, then at random ones, over one folder as on a kiosk that suffers."""

from __future__ import annotations

import argparse
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.queue import Entry, Position, Queue, QueueReader, Storage
from tests.queue.records import SETTINGS, START, acknowledge, record
from tests.torture.failpoints import Child, Failpoints, Tell

# Receipted records go at once, so that purges are among what is killed.
KILLED = replace(SETTINGS, keep_receipted_s=0)
RECORDS = 14


class InOrder(Storage):
    """The real disk; the spare is made at once, so that every run has the same order of calls."""

    def in_background(self, work: Callable[[], None]) -> None:
        """Run it here."""
        work()


class Model:
    """What was promised over all cycles so far."""

    def __init__(self) -> None:
        self.answered = self.acknowledged = 0

    def learn(self, lines: list[str]) -> None:
        """Take in what a child told before it died."""
        for line in lines:
            word, *rest = line.split()
            if word == "stored":
                assert int(rest[0]) == self.answered, f"seq {rest[0]} given, {self.answered} expected"
                self.answered += 1
            elif word == "acknowledged":
                self.acknowledged = max(self.acknowledged, int(rest[0]) + 1)

    def check(self, folder: Path) -> None:
        """Look, open, and look again: every answered record is there once, as it was written."""
        if not self.answered and not any(folder.glob("segment-*")):
            return
        QueueReader.open(folder)
        with Queue.open(folder, start=START, settings=KILLED, storage=InOrder()) as queue:
            assert self.answered <= queue.position.next_seq <= self.answered + 1
            assert queue.acknowledged >= self.acknowledged
            assert queue.lost == []
            for seq in range(queue.oldest_kept, queue.position.next_seq):
                check_recipe(queue.read(seq))
            assert queue.oldest_kept <= queue.acknowledged
            assert queue.verify() == []
            self.answered, self.acknowledged = queue.position.next_seq, queue.acknowledged


def check_recipe(entry: Entry) -> None:
    """Compare a record with its recipe."""
    assert entry == record(Position(entry.epoch, entry.seq, entry.prev), size_of(entry.seq))


def size_of(seq: int) -> int:
    """Return the size of a record's ciphertext."""
    return 3000 + seq % 7 * 2500


def work(folder: Path, records: int, tell: Tell) -> None:
    """Store, read back and acknowledge; tell each answer."""
    with Queue.open(folder, start=START, settings=KILLED, storage=InOrder()) as queue:
        for _ in range(records):
            queue.ensure_room(1)
            entry = record(queue.position, size_of(queue.position.next_seq))
            queue.append(entry)
            tell(f"stored {entry.seq}")
            if entry.seq % 4 == 3:
                acknowledge(queue, queue.read(entry.seq - 1))
                tell(f"acknowledged {entry.seq - 1}")


def killed(folder: Path, kill_at: int | None, records: int = RECORDS) -> Child:
    """Run the work in a child that dies at a failpoint, or ends when it does not come that far."""

    def dying(tell: Tell) -> None:
        Failpoints(folder, kill_at, tell).install()
        work(folder, records, tell)

    child = Child.start(dying)
    child.wait()
    return child


def every_point(folder: Path, points: Counter[str]) -> int:
    """Kill once at each write point of a fresh queue's work; return how many there are."""
    kill_at = 0
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        child, model = killed(folder, kill_at), Model()
        note(points, child)
        model.learn(child.lines)
        model.check(folder)
        if not child.killed:
            assert model.answered == RECORDS
            return kill_at
        kill_at += 1


def random_points(folder: Path, cycles: int, chance: random.Random, points: Counter[str]) -> Model:
    """Kill so many times at random points, again and again in one folder."""
    shutil.rmtree(folder, ignore_errors=True)
    model = Model()
    kills = 0
    while kills < cycles:
        child = killed(folder, chance.randint(0, 60), chance.randint(1, RECORDS))
        kills += child.killed
        note(points, child)
        model.learn(child.lines)
        model.check(folder)
    return model


def note(points: Counter[str], child: Child) -> None:
    """Count the failpoint at which a child died."""
    points.update(line.removeprefix("killed ") for line in child.lines if line.startswith("killed "))


def main() -> None:
    """Run from the command line, a process of its own: it forks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cycles", type=int, default=100, help="kills at random points, after one at every point")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    points: Counter[str] = Counter()
    every = every_point(arguments.folder / "every", points)
    chance = random.Random(arguments.seed)  # noqa: S311 # choices, no secrets
    model = random_points(arguments.folder / "random", arguments.cycles, chance, points)
    print(f"kills={points.total()} points={every} records={model.answered} lost=0 doubled=0")
    for name, times in sorted(points.items()):
        print(f"  {times:6} {name}")


if __name__ == "__main__":
    main()
