"""A collector and its kiosks, set up for real in a folder, and records that kiosks sign and seal for it."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path

from agent.proto.stream import Limits, SealedRecord
from agent.provisioning import Trust, load_trust
from agent.queue import Entry
from agent.sealing import (
    ClockState,
    Core,
    FileSigningKey,
    RecipientKey,
    epoch_start,
    seal_content,
    sign_record,
)
from collector.config import CollectorConfig, load_config
from collector.ingest import Rules
from collector.recipients import recipient_key_ids
from collector.service import CollectorService
from collector.setup import Plan, set_up
from collector.sql_store import SqlStore
from collector.store import KioskPosition, NewRecord, NewTombstone
from collector.stores import open_store

KIOSK, OTHER_KIOSK = "kiosk-1", "kiosk-2"
EPOCH = 1
CONTENT = b"sealed content of a test"


@dataclass(frozen=True, slots=True)
class World:
    """Everything of one set-up; the collector is not running."""

    folder: Path
    config: CollectorConfig

    @classmethod
    def make(cls, folder: Path, *, development: bool = True, host: str = "127.0.0.1", database: str = "") -> World:
        """Set a collector and two kiosks up."""
        address = f"{host}:{free_port()}"
        kiosks = (KIOSK, OTHER_KIOSK)
        plan = Plan(folder / "collector", folder / "trust", "centre", address, kiosks, (), b"{}", development)
        set_up(replace(plan, database=database))
        return cls(folder, load_config(folder / "collector"))

    def trust(self, kiosk: str = KIOSK) -> Trust:
        """Return what a kiosk was given."""
        return load_trust(self.folder / "trust" / kiosk, time.time_ns())

    def chain(self, kiosk: str = KIOSK) -> Chain:
        """Return a kiosk's chain from its first record on."""
        return Chain(self.trust(kiosk), kiosk)

    def store(self) -> SqlStore:
        """Open the collector's store."""
        return open_store(self.config)

    def service(self, store: SqlStore, *, open_within_s: float = 20) -> CollectorService:
        """Return the service as `collector serve` makes it."""
        config = self.config
        return CollectorService(
            config.name,
            store,
            Rules(config.development, config.max_record_bytes, recipient_key_ids(config.keys)),
            Limits(config.max_records_in_flight, config.max_bytes_in_flight, config.max_record_bytes),
            FileSigningKey.load(config.keys / "receipt.key"),
            open_within_s=open_within_s,
            store_threads=store.calls_at_once,
        )

    def stored_ids(self) -> list[str]:
        """Return the ids of all stored records, oldest first."""
        with self.store() as store:
            return [stored.record_id.hex() for stored in reversed(store.records(100_000))]


class Chain:
    """Signs a kiosk's records one after another."""

    def __init__(self, trust: Trust, kiosk: str, epoch: int = EPOCH) -> None:
        self._trust, self._kiosk, self._epoch = trust, kiosk, epoch
        self.next_seq = 0
        self.head = epoch_start(kiosk, EPOCH, trust.record_key.key_id)

    def entry(
        self,
        content: bytes = CONTENT,
        *,
        kiosk: str | None = None,
        test: bool = True,
        recipient: RecipientKey | None = None,
        record_id: bytes | None = None,
        manifest_sha256: bytes = bytes(32),
    ) -> Entry:
        """Return the next record; the arguments are what may be wrong with it although its signature is right."""
        recipient = recipient or self._trust.recipients.current(time.time_ns())
        core = Core(
            test,
            kiosk or self._kiosk,
            record_id or os.urandom(16),
            recipient.key_id,
            manifest_sha256,
            time.time_ns(),
            ClockState(time.monotonic_ns(), None),
        )
        ciphertext = seal_content(content, core, recipient)
        signed = sign_record(core, self._epoch, self.next_seq, self.head, ciphertext, self._trust.record_key)
        self.next_seq, self.head = signed.seq + 1, signed.payload_sha256
        return Entry(self._epoch, signed.seq, signed.prev, signed.payload_sha256, signed.cose_sign1, ciphertext)

    def record(self, content: bytes = CONTENT, **wrong: object) -> SealedRecord:
        """Return the next record as it is sent."""
        return as_sent(self.entry(content, **wrong))  # type: ignore[arg-type] # the keywords of `entry`


def as_sent(entry: Entry) -> SealedRecord:
    """Return a stored record as it is sent."""
    return SealedRecord(entry.seq, entry.cose_sign1, entry.ciphertext)


def new_record(
    chain: Chain, content: bytes = b"content", quarantined: str = "", record_id: bytes | None = None
) -> NewRecord:
    """Return a kiosk's next record as the judge hands it to the store."""
    entry, ciphertext_sha256 = chain.entry(content), hashlib.sha256(content).digest()
    identity = record_id or os.urandom(16)
    return NewRecord(as_sent(entry), identity, entry.prev, entry.payload_sha256, True, ciphertext_sha256, quarantined)


def new_tombstone(chain: Chain) -> NewTombstone:
    """Return what takes the place of a kiosk's next record, as the judge hands it to the store."""
    entry = chain.entry()
    return NewTombstone(entry.seq, entry.prev, entry.payload_sha256, True, "damaged", b"statement")


def position(store: SqlStore, kiosk: str = KIOSK) -> KioskPosition:
    """Return a registered kiosk's position."""
    found = store.position(kiosk)
    assert found is not None
    return found


def free_port() -> int:
    """Return a port on the loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
