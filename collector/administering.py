"""What administrators do to a store: register kiosks, issue one-time tokens, look at alarms."""

from __future__ import annotations

import datetime
import hashlib
import os
import time
from typing import Any

from agent.proto.sync import MAX_ANNOUNCEMENT_CHARS
from agent.sealing import epoch_start, key_id, point_of, signing_key_from_pem
from collector.config import CollectorConfig
from collector.errors import NoSuchKiosk, SetupFailed
from collector.fleet import Fleet
from collector.setup import FIRST_EPOCH, KIOSK_NAME
from collector.store import EpochToken
from collector.stores import open_store

TOKEN_BYTES = 16
Json = dict[str, Any]  # Any: JSON nests freely


def issue_token(config: CollectorConfig, kiosk: str, reason: str, hours: int) -> str:
    """Return a new one-time token for the kiosk's next epoch; only its hash is kept. Raises NoSuchKiosk."""
    secret = os.urandom(TOKEN_BYTES)
    with open_store(config) as store:
        position = store.position(kiosk)
        if position is None:
            raise NoSuchKiosk(kiosk)
        expires_at_ns = time.time_ns() + hours * 3600 * 10**9
        epoch = position.epoch + 1
        store.add_token(EpochToken(hashlib.sha256(secret).digest(), kiosk, epoch, reason, expires_at_ns))
    return f"{epoch}-{secret.hex()}"


def register(config: CollectorConfig, kiosk: str, pem: bytes) -> str:
    """Register a new kiosk's first key and return its id. Raises SetupFailed, KeyUnusable or StoreFailed."""
    if not KIOSK_NAME.fullmatch(kiosk):
        raise SetupFailed(f"kiosk {kiosk}: of a-z, 0-9 and -, at most 63 characters")
    public = signing_key_from_pem(pem)
    with open_store(config) as store:
        head = epoch_start(kiosk, FIRST_EPOCH, key_id(public))
        store.register(kiosk, FIRST_EPOCH, point_of(public), head)
    return key_id(public).hex()


def announce(config: CollectorConfig, kiosk: str, vi: str, en: str) -> int:
    """Leave a message for the people at a kiosk, or at all of them when it is empty; return its number.

    Raises NoSuchKiosk, SetupFailed for a message that is too long, or StoreFailed.
    """
    if not 0 < max(len(vi), len(en)) <= MAX_ANNOUNCEMENT_CHARS:
        raise SetupFailed(f"message: 1 to {MAX_ANNOUNCEMENT_CHARS} characters")
    with open_store(config) as store, Fleet(config.store) as fleet:
        if kiosk and store.position(kiosk) is None:
            raise NoSuchKiosk(kiosk)
        return fleet.announce(kiosk, vi, en, time.time_ns())


def alarm_rows(config: CollectorConfig, limit: int) -> list[Json]:
    """Return the newest alarms, JSON-ready."""
    with open_store(config) as store:
        return [
            {
                "raised_at": datetime.datetime.fromtimestamp(alarm.raised_at_ns / 10**9, datetime.UTC).isoformat(
                    timespec="seconds"
                ),
                "kiosk": alarm.kiosk,
                "epoch": alarm.epoch,
                "code": alarm.code,
                "detail": alarm.detail,
            }
            for alarm in store.alarms(limit)
        ]
