"""A kiosk with 100,000 records waiting: starting, status, listing, and memory."""

from __future__ import annotations

import hashlib
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agent.queue import Entry, EpochStart, Queue, QueueReader, Storage
from bench.measure import Figure, median_ms

PENDING, FEW = 100_000, 100
SIZE = 3000
START = EpochStart(1, bytes(32))
RUNS = 5
DRAINED = 20_000


class Unsynced(Storage):
    """Fills a folder fast; what it fills is closed before anything is measured."""

    def sync_data(self, handle: int) -> None:
        """Leave it to the kernel."""


def figures(folder: Path) -> Iterator[Figure]:
    """Yield start, status and listing with 100,000 records waiting, against few."""
    for number in (PENDING, FEW):
        fill(folder / str(number), number)
    many, few = folder / str(PENDING), folder / str(FEW)
    os.sync()
    yield _compared("start", lambda place: Queue.open(place, start=START).close(), many, few)
    table = _table(folder / "table.sqlite")
    yield Figure(
        f"start, {PENDING:,} pending",
        median_ms(lambda: Queue.open(many, start=START).close(), RUNS, warm_up=1),
        "SQLite: open + quick_check",
        median_ms(lambda: _quick_check(table), 1, warm_up=0),
        RUNS,
    )
    with Queue.open(many, start=START) as busy, Queue.open(few, start=START) as quiet:
        yield Figure(
            f"status, {PENDING:,} pending",
            median_ms(busy.status, 200),
            f"status, {FEW} pending",
            median_ms(quiet.status, 200),
            200,
        )
    yield _compared(
        "list all, beside the daemon", lambda place: sum(1 for _ in QueueReader.open(place).listed()), many, few
    )


def memory(folder: Path) -> Mapping[str, float]:
    """Return the most memory (MiB) of a process that opens a backlog, and that drains part of it."""
    told = {}
    for number in (FEW, PENDING):
        for drained in (0, min(number, DRAINED)):
            command = [sys.executable, "-m", "bench.backlog", str(folder / str(number)), str(drained)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            told[f"{number:,} pending, {drained:,} drained"] = float(done.stdout.splitlines()[-1])
    return told


def fill(folder: Path, number: int) -> None:
    """Append so many records."""
    payload = START.head
    data = os.urandom(SIZE)
    with Queue.open(folder, start=START, storage=Unsynced()) as queue:
        for seq in range(number):
            after = hashlib.sha256(payload).digest()
            queue.append(Entry(1, seq, payload, after, bytes(430), data))
            payload = after


def _compared(name: str, work: Callable[[Path], object], many: Path, few: Path) -> Figure:
    return Figure(
        f"{name}, {PENDING:,} pending",
        median_ms(lambda: work(many), RUNS, warm_up=1),
        f"{name}, {FEW} pending",
        median_ms(lambda: work(few), RUNS, warm_up=1),
        RUNS,
    )


def _table(path: Path) -> Path:
    data = os.urandom(SIZE)
    data_base = sqlite3.connect(path)
    with data_base:
        data_base.execute("CREATE TABLE record (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        data_base.executemany("INSERT INTO record (data) VALUES (?)", ((data,) for _ in range(PENDING)))
    data_base.close()
    return path


def _quick_check(path: Path) -> None:
    data_base = sqlite3.connect(path)
    assert data_base.execute("PRAGMA quick_check").fetchone() == ("ok",)
    data_base.close()


def main(folder: Path, drained: int) -> None:
    """Open a backlog, drain some of it and print the most memory that took, in MiB."""
    with Queue.open(folder, start=START, storage=Unsynced()) as queue:
        for seq in range(queue.acknowledged, queue.acknowledged + drained):
            entry = queue.read(seq)
            queue.acknowledge(seq, entry.payload_sha256)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
