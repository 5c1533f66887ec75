"""The durable local queue of sealed records. Knows nothing of people, keys or networks."""

from agent.queue.entry import Entry, EpochStart, Finding, Position, QueueSettings, QueueStatus
from agent.queue.errors import (
    CorruptFrame,
    HeadMismatch,
    NoRoom,
    NoSuchRecord,
    NotInSequence,
    OtherEpoch,
    QueueError,
    QueueLocked,
    StorageFailed,
    TooLarge,
)
from agent.queue.queue import Queue
from agent.queue.storage import Storage

__all__ = [
    "CorruptFrame",
    "Entry",
    "EpochStart",
    "Finding",
    "HeadMismatch",
    "NoRoom",
    "NoSuchRecord",
    "NotInSequence",
    "OtherEpoch",
    "Position",
    "Queue",
    "QueueError",
    "QueueLocked",
    "QueueSettings",
    "QueueStatus",
    "Storage",
    "StorageFailed",
    "TooLarge",
]
