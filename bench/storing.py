"""Seal and enqueue one record of 500 KB, against one write with one sync of the same bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from agent.queue import Entry, EpochStart, Queue
from agent.sealing import (
    ClockState,
    Core,
    FileSigningKey,
    RecipientPrivateKey,
    epoch_start,
    seal_content,
    sign_record,
)
from bench.measure import Figure, median_ms

RECORD_BYTES = 500_000
RUNS = 60


def figures(folder: Path) -> Iterator[Figure]:
    """Yield seal+sign, enqueue, and both together."""
    content = os.urandom(RECORD_BYTES)
    floor_ms = write_and_sync(folder / "floor.bin", content)
    key = FileSigningKey.create(folder / "record.key")
    recipient = RecipientPrivateKey.create(folder / "recipient.key").public
    core = Core(True, "bench", bytes(16), recipient.key_id, bytes(32), 0, ClockState(0, None))
    head = epoch_start("bench", 1, key.key_id)
    with Queue.open(folder / "queue", start=EpochStart(1, head)) as queue:

        def seal() -> Entry:
            ciphertext = seal_content(content, core, recipient)
            position = queue.position
            signed = sign_record(core, position.epoch, position.next_seq, position.head, ciphertext, key)
            return Entry(signed.epoch, signed.seq, signed.prev, signed.payload_sha256, signed.cose_sign1, ciphertext)

        def store() -> None:
            queue.append(seal())
            # Receipted at once, so that the bench needs little disk.
            position = queue.position
            queue.acknowledge(position.next_seq - 1, position.head)

        yield Figure("seal + sign, 500 KB", median_ms(seal, RUNS), "write + fdatasync, 500 KB", floor_ms, RUNS)
        yield Figure(
            "seal + enqueue + ack, 500 KB", median_ms(store, RUNS), "write + fdatasync, 500 KB", floor_ms, RUNS
        )


def write_and_sync(path: Path, content: bytes) -> float:
    """Return the floor: one pwrite and one fdatasync inside a file that is there already."""
    path.write_bytes(bytes(len(content) * 8))
    handle = os.open(path, os.O_RDWR)
    places = count()
    try:
        os.fsync(handle)

        def write() -> None:
            os.pwrite(handle, content, next(places) % 8 * len(content))
            os.fdatasync(handle)

        return median_ms(write, RUNS)
    finally:
        os.close(handle)
