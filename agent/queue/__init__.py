"""The durable local queue of sealed records. Knows nothing of people, keys or networks."""

from agent.queue.entry import Entry, EpochStart, Finding, Listed, Position, QueueSettings, QueueStatus
from agent.queue.errors import (
    CorruptFrame,
    DiskFailing,
    FolderNotPrivate,
    HeadMismatch,
    NoQueue,
    NoRoom,
    NoSuchRecord,
    NotInSequence,
    NotRepairable,
    OtherEpoch,
    OtherVersion,
    QueueError,
    QueueLocked,
    QueueUnreadable,
    RecordLost,
    SegmentTooSmall,
    StorageFailed,
    TooLarge,
)
from agent.queue.queue import Queue
from agent.queue.reader import QueueReader
from agent.queue.repair import Repair, repair
from agent.queue.storage import Storage

__all__ = [
    "CorruptFrame",
    "DiskFailing",
    "Entry",
    "EpochStart",
    "Finding",
    "FolderNotPrivate",
    "HeadMismatch",
    "Listed",
    "NoQueue",
    "NoRoom",
    "NoSuchRecord",
    "NotInSequence",
    "NotRepairable",
    "OtherEpoch",
    "OtherVersion",
    "Position",
    "Queue",
    "QueueError",
    "QueueLocked",
    "QueueReader",
    "QueueSettings",
    "QueueStatus",
    "QueueUnreadable",
    "RecordLost",
    "Repair",
    "SegmentTooSmall",
    "Storage",
    "StorageFailed",
    "TooLarge",
    "repair",
]
