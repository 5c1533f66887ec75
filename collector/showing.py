"""What `collector list` and `collector show` print."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from agent.opening import OpenedRecord, anchors_in, open_record, write_out
from collector.config import CollectorConfig
from collector.errors import NoSuchRecord, SeveralRecords
from collector.recipients import private_keys
from collector.store import StoredRecord
from collector.stores import open_store

Json = dict[str, Any]  # Any: JSON nests freely


def rows(config: CollectorConfig, limit: int) -> list[Json]:
    """Return the newest records, JSON-ready."""
    with open_store(config) as store:
        return [
            {
                "record_id": stored.record_id.hex(),
                "kiosk": stored.kiosk,
                "epoch": stored.epoch,
                "seq": stored.seq,
                "size_bytes": stored.size_bytes,
                "received_at": _utc(stored.received_at_ns),
                "test": stored.test,
                "quarantined": stored.quarantined,
            }
            for stored in store.records(limit)
        ]


def show(config: CollectorConfig, record: str, out: Path | None) -> tuple[OpenedRecord, list[Path]]:
    """Open one record by id, by the beginning of its id, or `latest`; write it to `out` when given.

    Its chip is verified again against the collector's own trust anchors.
    Raises NoSuchRecord, SeveralRecords, and what opening and writing raise.
    """
    keys = private_keys(config.keys)
    with open_store(config) as store:
        stored = _only(store.records(1) if record == "latest" else store.find(record), record)
        record_key = store.record_key(stored.kiosk, stored.epoch)
        if record_key is None:
            raise NoSuchRecord(f"kiosk {stored.kiosk} has no epoch {stored.epoch}")
        opened = open_record(store.load(stored), record_key, keys, anchors_in(config.anchors))
    return opened, write_out(opened, out) if out is not None else []


def _only(found: list[StoredRecord], asked: str) -> StoredRecord:
    if not found:
        raise NoSuchRecord(asked)
    if len(found) > 1:
        raise SeveralRecords(f"{asked}: " + ", ".join(stored.record_id.hex() for stored in found))
    return found[0]


def _utc(nanoseconds: int) -> str:
    return datetime.datetime.fromtimestamp(nanoseconds / 10**9, datetime.UTC).isoformat(timespec="seconds")
