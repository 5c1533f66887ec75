"""What `collector list` and `collector show` print."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from agent.sealing import RecipientPrivateKey
from collector.config import CollectorConfig
from collector.embedded_store import EmbeddedStore
from collector.errors import NoSuchRecord
from collector.opening import as_json, open_record, write_out

Json = dict[str, Any]  # Any: JSON nests freely


def rows(config: CollectorConfig, limit: int) -> list[Json]:
    """Return the newest records, JSON-ready."""
    with EmbeddedStore(config.store) as store:
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


def show(config: CollectorConfig, record: str, out: Path | None) -> tuple[Json, list[Path]]:
    """Open one record by id, by the beginning of its id, or `latest`; write it to `out` when given.

    Raises NoSuchRecord (also when several match), and what opening raises.
    """
    keys = [RecipientPrivateKey.load(path) for path in config.keys.glob("recipient*.key")]
    with EmbeddedStore(config.store) as store:
        found = store.records(1) if record == "latest" else store.find(record)
        if len(found) != 1:
            raise NoSuchRecord(f"{record}: {len(found)} records match")
        position = store.position(found[0].kiosk)
        if position is None:
            raise NoSuchRecord(f"kiosk {found[0].kiosk} is not registered")
        opened = open_record(store.load(found[0]), position.record_key, keys)
    return as_json(opened), write_out(opened, out) if out is not None else []


def verdict_rows(opened: Json) -> list[tuple[str, str, str, str, str]]:
    """Return stage, check, verdict, value and reason of every check."""
    found = []
    for stage in opened["manifest"]["stages"]:
        found.append((stage["name"], "", stage["verdict"], f"{stage['took_ms']} ms", stage["reason"]))
        for check in stage["checks"]:
            value = "" if check["native"] is None else f"{check['native']:.3g} {check['unit']}"
            found.append(("", check["name"], check["verdict"], value, check["reason"]))
    return found


def _utc(nanoseconds: int) -> str:
    return datetime.datetime.fromtimestamp(nanoseconds / 10**9, datetime.UTC).isoformat(timespec="seconds")
