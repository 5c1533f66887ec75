"""What a store must promise. Exactly-once rests on one small row per kiosk: epoch, next_seq, head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.proto.stream import SealedRecord


@dataclass(frozen=True, slots=True)
class KioskPosition:
    """A registered kiosk: the key that signs its records (uncompressed P-256 point) and where its chain stands."""

    kiosk: str
    epoch: int
    record_key: bytes
    next_seq: int
    head: bytes


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A verified record to store. `quarantined` says why it needs people; empty when it does not."""

    record: SealedRecord = field(repr=False)
    record_id: bytes
    prev: bytes
    payload_sha256: bytes
    test: bool
    quarantined: str = ""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A row of the store."""

    kiosk: str
    epoch: int
    seq: int
    record_id: bytes
    payload_sha256: bytes
    size_bytes: int
    received_at_ns: int
    test: bool
    quarantined: str


class PositionMoved(Exception):
    """Another stream appended to this kiosk's chain in the meantime; nothing was stored."""


class RecordStore(Protocol):
    """Keeps records. On return from `append` they survive a power cut."""

    def register(self, kiosk: str, epoch: int, record_key: bytes, head: bytes) -> None:
        """Accept a kiosk's record key; its chain starts at seq 0 after `head`. Repeating it changes nothing."""
        ...

    def position(self, kiosk: str) -> KioskPosition | None:
        """Return where the kiosk's chain stands, or None when it is not registered."""
        ...

    def append(self, position: KioskPosition, records: Sequence[NewRecord], received_at_ns: int) -> KioskPosition:
        """Store records that follow `position`, all or none; return the new position. Raises PositionMoved.

        A record that is stored is never changed by a later call, whatever it brings.
        """
        ...

    def payload_hash(self, kiosk: str, epoch: int, seq: int) -> bytes | None:
        """Return the stored payload hash of a record, or None."""
        ...

    def quarantined(self, kiosk: str, epoch: int) -> tuple[int, ...]:
        """Return the seqs in quarantine."""
        ...

    def records(self, limit: int) -> list[StoredRecord]:
        """Return the newest records first."""
        ...

    def find(self, record_id_prefix: str) -> list[StoredRecord]:
        """Return the records whose id (hex) starts so; at most a few."""
        ...

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""
        ...
