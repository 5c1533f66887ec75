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
    ciphertext_sha256: bytes = b""
    quarantined: str = ""

    @property
    def seq(self) -> int:
        """Its number."""
        return self.record.seq


@dataclass(frozen=True, slots=True)
class NewTombstone:
    """A verified tombstone: it takes the place of a record that the kiosk lost. `statement` is what was signed."""

    seq: int
    prev: bytes
    payload_sha256: bytes
    known: bool
    reason: str
    statement: bytes = field(repr=False)


Item = NewRecord | NewTombstone


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """A verified new epoch. `token_sha256` is None when the old key's signature is enough.

    `alarms` (code, detail) are what people must know besides: lost records, a fork.
    """

    epoch: int
    record_key: bytes
    head: bytes
    reason: str
    token_sha256: bytes | None
    proof: bytes = field(repr=False)
    alarms: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EpochToken:
    """A technician's one-time token, by its hash."""

    sha256: bytes = field(repr=False)
    kiosk: str
    epoch: int
    issued_for: str
    expires_at_ns: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that people must look at."""

    kiosk: str
    epoch: int
    code: str
    detail: str
    raised_at_ns: int


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A row of the store. `reissued` marks a record that is here already, under another number."""

    kiosk: str
    epoch: int
    seq: int
    record_id: bytes
    payload_sha256: bytes
    size_bytes: int
    received_at_ns: int
    test: bool
    quarantined: str
    ciphertext_sha256: bytes = b""
    reissued: bool = False


class TokenRefused(Exception):
    """A one-time token that is unknown, used or expired; the text says which. Nothing was changed."""


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

    def append(self, position: KioskPosition, items: Sequence[Item], received_at_ns: int) -> KioskPosition:
        """Store records and tombstones that follow `position`, all or none; return the new position.

        A tombstone raises an alarm. A record whose id and ciphertext are here already is marked as reissued; one with
        that id and another ciphertext goes into quarantine. Raises PositionMoved.

        A record that is stored is never changed by a later call, whatever it brings.
        """
        ...

    def settle(self, position: KioskPosition) -> None:
        """Return when everything up to `position` is as safe as `append` makes it; before it is signed for again."""
        ...

    def payload_hash(self, kiosk: str, epoch: int, seq: int) -> bytes | None:
        """Return the payload hash of a stored record or tombstone, or None."""
        ...

    def record_key(self, kiosk: str, epoch: int) -> bytes | None:
        """Return the public point of the key of an epoch, past ones too."""
        ...

    def open_epoch(self, position: KioskPosition, new: NewEpoch, now_ns: int) -> KioskPosition:
        """Move the kiosk to its new epoch, with an alarm. Raises PositionMoved or TokenRefused."""
        ...

    def add_token(self, token: EpochToken) -> None:
        """Keep a one-time token's hash; an older unused one of the kiosk is withdrawn."""
        ...

    def skip_lost(self, position: KioskPosition, after: KioskPosition, detail: str, now_ns: int) -> None:
        """Go on at `after`: the records in between are gone at both ends. Raises an alarm; raises PositionMoved."""
        ...

    def checkpoint(self, position: KioskPosition, next_seq: int, statement: bytes, now_ns: int) -> None:
        """Keep the kiosk's newest checkpoint."""
        ...

    def alarm(self, position: KioskPosition, code: str, detail: str, now_ns: int) -> None:
        """Raise an alarm; an equal one that is there already is not repeated."""
        ...

    def alarms(self, limit: int) -> list[Alarm]:
        """Return the newest alarms first."""
        ...

    def quarantined(self, kiosk: str, epoch: int) -> tuple[int, ...]:
        """Return the seqs in quarantine."""
        ...

    def records(self, limit: int) -> list[StoredRecord]:
        """Return the newest records first, each once however often it was issued."""
        ...

    def find(self, record_id_prefix: str) -> list[StoredRecord]:
        """Return the records whose id (hex) starts so; at most a few."""
        ...

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""
        ...
