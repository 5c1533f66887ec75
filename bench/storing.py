"""Enqueue and seal + enqueue, against one write with one sync of the same bytes, in the same run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from agent.queue import Entry, EpochStart, Queue, QueueSettings, Storage
from agent.sealing import (
    ClockState,
    Core,
    FileSigningKey,
    RecipientPrivateKey,
    SignedRecord,
    epoch_start,
    seal_content,
    sign_record,
)
from bench import peers
from bench.measure import Figure, median_ms

RECORD_BYTES = 500_000
SIZES = (20_000, 200_000, 500_000, 2_000_000)
RUNS = 60
SPARE_WITHIN_S = 30.0
# Receipted records are purged at once, so that the bench needs little disk.
SETTINGS = QueueSettings(keep_receipted_s=0)


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the enqueue of each size, against the floor and against peers; seal + sign alone, and both together."""
    bench = Bench.begin(folder)
    for size in SIZES:
        yield bench.enqueue(size)
        yield from peers.figures(folder, size)
    yield from bench.sealing(RECORD_BYTES)


@dataclass(frozen=True, slots=True)
class Bench:
    """Keys and the folder of one run."""

    folder: Path
    key: FileSigningKey
    recipient: RecipientPrivateKey

    @classmethod
    def begin(cls, folder: Path) -> Bench:
        """Make the keys."""
        key = FileSigningKey.create(folder / "record.key")
        return cls(folder, key, RecipientPrivateKey.create(folder / "recipient.key"))

    def enqueue(self, size: int) -> Figure:
        """Return append against the floor; the two take turns, so that both meet the same disk."""
        ciphertext = os.urandom(size)
        name = f"{size // 1000} KB"
        with self._queue(f"enqueue-{size}") as queue, Floor(self.folder / "floor.bin", ciphertext) as floor:
            times, floors = [], []
            for run in range(RUNS):
                entry = _entry(self._sign(queue, ciphertext), ciphertext)
                self._let_the_spare_be_made(f"enqueue-{size}")
                # In turns: whoever comes second finds the disk's cache just flushed.
                if run % 2:
                    floors.append(_took_ms(floor.write))
                times.append(_took_ms(partial(queue.append, entry)))
                if not run % 2:
                    floors.append(_took_ms(floor.write))
                _acknowledge(queue)
        return Figure.of(f"enqueue, {name}", times, f"write + fdatasync, {name}", floors)

    def sealing(self, size: int) -> Iterator[Figure]:
        """Yield seal + sign, and seal + sign + enqueue, against the floor."""
        content = os.urandom(size)
        with self._queue("sealing") as queue, Floor(self.folder / "floor.bin", content) as floor:
            seals, stores, floors = [], [], []
            for run in range(RUNS):
                self._let_the_spare_be_made("sealing")
                seals.append(_took_ms(lambda: self._seal(queue, content)))
                if run % 2:
                    floors.append(_took_ms(floor.write))
                stores.append(_took_ms(lambda: queue.append(self._seal(queue, content))))
                if not run % 2:
                    floors.append(_took_ms(floor.write))
                _acknowledge(queue)
        name = f"write + fdatasync, {size // 1000} KB"
        yield Figure.of("seal + sign, 500 KB", seals, name, floors)
        yield Figure.of("seal + sign + enqueue, 500 KB", stores, name, floors)

    def _queue(self, name: str) -> Queue:
        head = epoch_start("bench", 1, self.key.key_id)
        return Queue.open(self.folder / name, start=EpochStart(1, head), settings=SETTINGS)

    def _let_the_spare_be_made(self, name: str) -> None:
        """People come minutes apart: by then the next segment is filled."""
        deadline = time.monotonic() + SPARE_WITHIN_S
        while not (self.folder / name / "spare.kq").exists() and time.monotonic() < deadline:
            time.sleep(0.001)

    def _seal(self, queue: Queue, content: bytes) -> Entry:
        ciphertext = seal_content(content, self._core(), self.recipient.public)
        return _entry(self._sign(queue, ciphertext), ciphertext)

    def _sign(self, queue: Queue, ciphertext: bytes) -> SignedRecord:
        place = queue.position
        return sign_record(self._core(), place.epoch, place.next_seq, place.head, ciphertext, self.key)

    def _core(self) -> Core:
        return Core(True, "bench", bytes(16), self.recipient.key_id, bytes(32), 0, ClockState(0, None))


class Floor:
    """One pwrite and one fdatasync, inside a file of real zeros that is there already."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._content, self._places = content, count()
        self._fit = SETTINGS.segment_bytes // len(content)
        path.unlink(missing_ok=True)
        Storage().create_zeroed(path, SETTINGS.segment_bytes)
        self._handle = os.open(path, os.O_RDWR)

    def __enter__(self) -> Floor:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def write(self) -> None:
        """Write the content once and sync it."""
        os.pwrite(self._handle, self._content, next(self._places) % self._fit * len(self._content))
        os.fdatasync(self._handle)


def write_and_sync(path: Path, content: bytes) -> float:
    """Return the floor's median in milliseconds."""
    with Floor(path, content) as floor:
        return median_ms(floor.write, RUNS)


def _entry(signed: SignedRecord, ciphertext: bytes) -> Entry:
    return Entry(
        signed.epoch,
        signed.seq,
        signed.prev,
        signed.payload_sha256,
        signed.cose_sign1,
        ciphertext,
        signed.ciphertext_sha256,
    )


def _acknowledge(queue: Queue) -> None:
    position = queue.position
    queue.acknowledge(position.next_seq - 1, position.head)


def _took_ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
