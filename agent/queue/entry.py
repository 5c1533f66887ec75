"""What goes in and comes out: records that are already signed and sealed, and the place where the chain stands."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. `prev` and `payload_sha256` (32 bytes each) are the chain before and after it.

    `ciphertext_sha256` spares the queue a second pass over the ciphertext; left empty, the queue computes it.
    """

    epoch: int
    seq: int
    prev: bytes
    payload_sha256: bytes
    cose_sign1: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    ciphertext_sha256: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EpochStart:
    """Where an epoch's chain begins: `head` is the `prev` of its first record, seq 0."""

    epoch: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where the chain stands: the next record gets `next_seq` and continues `head`."""

    epoch: int
    next_seq: int
    head: bytes


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Limits. `keep_receipted_s` is how long receipted records stay for a collector that lost them.

    `max_folder_bytes` is how much disk the queue may take, receipted records included (None: what there is);
    `keep_free_bytes` is what it leaves free for everything else. Both refuse a visit before it starts, never a record.
    """

    segment_bytes: int = 64 * 2**20
    max_record_bytes: int = 8 * 2**20
    keep_receipted_s: float = 72 * 3600.0
    max_folder_bytes: int | None = None
    keep_free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Figures for people; sizes in bytes, age in seconds."""

    pending_records: int
    pending_bytes: int
    oldest_pending_s: float | None
    receipted_kept: int
    free_bytes: int
    segments: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault that `verify` found; `set_aside` when a repair has done all that a kiosk can do about it."""

    place: str
    what: str
    set_aside: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What the queue knows of one record without reading its ciphertext.

    `size_bytes` and `appended_at_ns` are None and `cose_sign1` is empty when they cannot be read. `set_aside` says that
    the record is lost and its bytes are in quarantine.
    """

    epoch: int
    seq: int
    size_bytes: int | None
    appended_at_ns: int | None
    acknowledged: bool
    set_aside: bool
    cose_sign1: bytes = field(default=b"", repr=False)
