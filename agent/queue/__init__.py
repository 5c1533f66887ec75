"""The durable local queue of sealed records. Knows nothing of people, keys or networks."""

from agent.queue.entry import Entry, EpochStart, Finding, Position, QueueSettings, QueueStatus
from agent.queue.errors import (
    CorruptFrame,
    DiskFailing,
    FolderNotPrivate,
    HeadMismatch,
    NoRoom,
    NoSuchRecord,
    NotInSequence,
    OtherEpoch,
    OtherVersion,
    QueueError,
    QueueLocked,
    RecordLost,
    SegmentTooSmall,
    StorageFailed,
    TooLarge,
)
from agent.queue.queue import Queue
from agent.queue.storage import Storage

__all__ = [
    "CorruptFrame",
    "DiskFailing",
    "Entry",
    "EpochStart",
    "Finding",
    "FolderNotPrivate",
    "HeadMismatch",
    "NoRoom",
    "NoSuchRecord",
    "NotInSequence",
    "OtherEpoch",
    "OtherVersion",
    "Position",
    "Queue",
    "QueueError",
    "QueueLocked",
    "QueueSettings",
    "QueueStatus",
    "RecordLost",
    "SegmentTooSmall",
    "Storage",
    "StorageFailed",
    "TooLarge",
]
