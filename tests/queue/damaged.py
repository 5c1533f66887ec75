"""Disks with a closed queue on them, for damaging."""

from __future__ import annotations

from pathlib import Path

from agent.queue import Entry, Queue, RecordLost
from tests.queue.memory_disk import MemoryDisk
from tests.queue.records import acknowledge, append, open_queue

FRAME = 12 * 1024  # what a record of 9,000 bytes takes


def filled(number: int, acknowledged: int = 0, size: int = 9000) -> tuple[MemoryDisk, list[Entry]]:
    """Return a disk with a closed queue of so many records."""
    disk = MemoryDisk()
    with open_queue(disk) as queue:
        entries = append(queue, number, size)
        if acknowledged:
            acknowledge(queue, entries[acknowledged - 1])
    disk.settle()
    return disk, entries


def readable(queue: Queue) -> dict[int, Entry | RecordLost]:
    """Return every record, or the error that says that it is lost."""
    found: dict[int, Entry | RecordLost] = {}
    for seq in range(queue.oldest_kept, queue.position.next_seq):
        try:
            found[seq] = queue.read(seq)
        except RecordLost as lost:
            found[seq] = lost
    return found


def flip(disk: MemoryDisk, path: Path, offset: int, mask: int = 0xFF) -> None:
    """Damage one byte."""
    disk.content(path)[offset] ^= mask
