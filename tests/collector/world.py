"""A collector and its kiosks, set up for real in a folder, and records that kiosks sign and seal for it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
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
from collector.embedded_store import EmbeddedStore
from collector.ingest import Rules
from collector.recipients import recipient_key_ids
from collector.service import CollectorService
from collector.setup import Plan, set_up

KIOSK, OTHER_KIOSK = "kiosk-1", "kiosk-2"
EPOCH = 1
CONTENT = b"sealed content of a test"


@dataclass(frozen=True, slots=True)
class World:
    """Everything of one set-up; the collector is not running."""

    folder: Path
    config: CollectorConfig

    @classmethod
    def make(cls, folder: Path, *, development: bool = True, host: str = "127.0.0.1") -> World:
        """Set a collector and two kiosks up."""
        address = f"{host}:{free_port()}"
        kiosks = (KIOSK, OTHER_KIOSK)
        set_up(Plan(folder / "collector", folder / "trust", "centre", address, kiosks, (), b"{}", development))
        return cls(folder, load_config(folder / "collector"))

    def trust(self, kiosk: str = KIOSK) -> Trust:
        """Return what a kiosk was given."""
        return load_trust(self.folder / "trust" / kiosk, time.time_ns())

    def chain(self, kiosk: str = KIOSK) -> Chain:
        """Return a kiosk's chain from its first record on."""
        return Chain(self.trust(kiosk), kiosk)

    def store(self) -> EmbeddedStore:
        """Open the collector's store."""
        return EmbeddedStore(self.config.store)

    def service(self, store: EmbeddedStore, *, open_within_s: float = 20) -> CollectorService:
        """Return the service as `collector serve` makes it."""
        config = self.config
        return CollectorService(
            config.name,
            store,
            Rules(config.development, config.max_record_bytes, recipient_key_ids(config.keys)),
            Limits(config.max_records_in_flight, config.max_bytes_in_flight, config.max_record_bytes),
            FileSigningKey.load(config.keys / "receipt.key"),
            open_within_s=open_within_s,
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


def free_port() -> int:
    """Return a port on the loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
