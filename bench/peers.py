"""Queues that people use instead of ours, in the same run with the same bytes, taking turns.

All of them are asked for what ours promises: what was put survives a power cut. SQLite does that with WAL and
`synchronous = FULL`, which is persist-queue's setting too; each put and each acknowledgement is a transaction.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from persistqueue import SQLiteAckQueue, SQLiteQueue

from agent.queue import Entry, EpochStart, Queue, QueueSettings
from bench.measure import Figure

RUNS = 40
SPARE_WITHIN_S = 30.0
COSE = bytes(430)


class Contender(Protocol):
    """A durable queue."""

    name: str

    def prepare(self, data: bytes) -> Callable[[], object]:
        """Return the call that puts `data` and returns when it is durable."""
        ...

    def take(self) -> bytes:
        """Return the oldest record and acknowledge it, durably."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Ours:
    """The queue of this product; the record is signed before, as for everybody else nothing is."""

    name = "ours"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue = Queue.open(folder, start=EpochStart(1, bytes(32)), settings=QueueSettings(keep_receipted_s=0))

    def prepare(self, data: bytes) -> Callable[[], object]:
        """Put it into a frame; people come minutes apart, so the spare is ready."""
        deadline = time.monotonic() + SPARE_WITHIN_S
        while not (self._folder / "spare.kq").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        place = self._queue.position
        entry = Entry(1, place.next_seq, place.head, os.urandom(32), COSE, data)
        return lambda: self._queue.append(entry)

    def take(self) -> bytes:
        """Read, checked against its sum, and acknowledge."""
        entry = self._queue.read(self._queue.acknowledged)
        self._queue.acknowledge(entry.seq, entry.payload_sha256)
        return entry.ciphertext

    def close(self) -> None:
        """Close it."""
        self._queue.close()


class PersistQueue:
    """persist-queue's SQLiteQueue: what was got is gone."""

    name = "persist-queue SQLiteQueue"

    def __init__(self, folder: Path) -> None:
        self._queue = SQLiteQueue(str(folder), auto_commit=True)

    def prepare(self, data: bytes) -> Callable[[], object]:
        """Return its put."""
        return lambda: self._queue.put(data)

    def take(self) -> bytes:
        """Get is its acknowledgement."""
        found: bytes = self._queue.get(block=False)
        return found

    def close(self) -> None:
        """Close it."""
        self._queue.close()


class PersistAckQueue:
    """persist-queue's SQLiteAckQueue: got, then acknowledged."""

    name = "persist-queue SQLiteAckQueue"

    def __init__(self, folder: Path) -> None:
        self._queue = SQLiteAckQueue(str(folder), auto_commit=True)

    def prepare(self, data: bytes) -> Callable[[], object]:
        """Return its put."""
        return lambda: self._queue.put(data)

    def take(self) -> bytes:
        """Get and acknowledge."""
        found: bytes = self._queue.get(block=False)
        self._queue.ack(found)
        return found

    def close(self) -> None:
        """Close it."""
        self._queue.close()


class Table:
    """A plain SQLite table."""

    name = "SQLite table, WAL, FULL"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._data_base = sqlite3.connect(folder / "queue.sqlite", isolation_level=None)
        self._data_base.execute("PRAGMA journal_mode = WAL")
        self._data_base.execute("PRAGMA synchronous = FULL")
        self._data_base.execute("CREATE TABLE record (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")

    def prepare(self, data: bytes) -> Callable[[], object]:
        """Return its insert."""
        return lambda: self._data_base.execute("INSERT INTO record (data) VALUES (?)", (data,))

    def take(self) -> bytes:
        """Select the oldest and delete it."""
        seq, data = self._data_base.execute("SELECT seq, data FROM record ORDER BY seq LIMIT 1").fetchone()
        self._data_base.execute("DELETE FROM record WHERE seq = ?", (seq,))
        found: bytes = data
        return found

    def close(self) -> None:
        """Close it."""
        self._data_base.close()


KINDS: tuple[Callable[[Path], Contender], ...] = (Ours, PersistAckQueue, PersistQueue, Table)


def figures(folder: Path, size: int) -> Iterator[Figure]:
    """Yield our enqueue and our get + acknowledge of records of one size against each peer."""
    contenders = [kind(folder / f"peer-{place}") for place, kind in enumerate(KINDS)]
    puts, takes = _puts(contenders, size), _takes(contenders, size)
    for contender in contenders:
        contender.close()
    for place in range(len(KINDS)):
        shutil.rmtree(folder / f"peer-{place}")
    for work, times in (("enqueue", puts), ("get + acknowledge", takes)):
        for peer in contenders[1:]:
            yield Figure.of(f"{work}, {size // 1000} KB", times["ours"], peer.name, times[peer.name])


def _puts(contenders: list[Contender], size: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for run in range(RUNS):
        for contender in _in_turn(contenders, run):
            put = contender.prepare(os.urandom(size))
            started = time.perf_counter()
            put()
            times[contender.name].append((time.perf_counter() - started) * 1000)
    return times


def _takes(contenders: list[Contender], size: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for run in range(RUNS):
        for contender in _in_turn(contenders, run):
            started = time.perf_counter()
            data = contender.take()
            times[contender.name].append((time.perf_counter() - started) * 1000)
            assert len(data) == size
    return times


def _in_turn(contenders: list[Contender], run: int) -> list[Contender]:
    """Return them in an order of its own for each run: a sync also waits for what the one before left to the disk."""
    order = list(contenders)
    random.Random(run).shuffle(order)  # noqa: S311 # an order, no secret
    return order
