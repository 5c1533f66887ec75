"""Records for the queue's tests: real in size and shape, opaque in content."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from agent.queue import Entry, EpochStart, Position, Queue, QueueSettings, Storage

FOLDER = Path("/kiosk/queue")
START = EpochStart(7, hashlib.sha256(b"start").digest())
# Segments of 3 to 13 records, so that every test crosses their ends.
SETTINGS = QueueSettings(segment_bytes=128 * 1024, max_record_bytes=20_000, keep_receipted_s=3600)
HOUR_NS = 3600 * 10**9
COSE_BYTES = 430


def record(position: Position, size: int = 9000, salt: int = 0) -> Entry:
    """Return the record that continues `position`, the same for equal arguments."""
    source = random.Random(f"{position.next_seq}/{size}/{salt}")  # noqa: S311 # test data
    cose, ciphertext = source.randbytes(COSE_BYTES), source.randbytes(size)
    payload = hashlib.sha256(position.head + cose).digest()
    return Entry(position.epoch, position.next_seq, position.head, payload, cose, ciphertext)


def append(queue: Queue, number: int = 1, size: int = 9000, salt: int = 0) -> list[Entry]:
    """Append so many records; return them."""
    added = []
    for _ in range(number):
        entry = record(queue.position, size, salt)
        queue.append(entry)
        added.append(entry)
    return added


def take_people_in(queue: Queue, entries: list[Entry], size: int = 9000, people: int = 200) -> None:
    """Let people in one by one until the queue refuses; what was stored is added to `entries`."""
    for _ in range(people):
        queue.ensure_room(1)
        entries += append(queue, 1, size)


def acknowledge(queue: Queue, entry: Entry, at_ns: int | None = None) -> None:
    """Acknowledge everything through an entry."""
    queue.acknowledge(entry.seq, entry.payload_sha256, at_ns)


class Clock:
    """A wall clock that stands until it is set."""

    def __init__(self, now_ns: int = 1_700_000_000 * 10**9) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        """Return the time in nanoseconds since the Unix epoch."""
        return self.now_ns


def open_queue(
    storage: Storage,
    folder: Path = FOLDER,
    settings: QueueSettings = SETTINGS,
    clock: Clock | None = None,
    start: EpochStart = START,
) -> Queue:
    """Open the queue on a disk."""
    return Queue.open(folder, start=start, settings=settings, storage=storage, clock=clock or Clock())


def segments(storage: Storage, folder: Path = FOLDER) -> list[Path]:
    """Return the segment files, oldest first."""
    return [folder / name for name in storage.names(folder) if name.startswith("segment-")]
