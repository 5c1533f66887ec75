"""Keys and records for the sealing layer's tests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from agent.sealing import ClockState, Core, FileSigningKey, RecipientPrivateKey, epoch_start


class Keys:
    """One of each kind, made once per folder."""

    def __init__(self, folder: Path) -> None:
        self.record = FileSigningKey.create(folder / "record.key")
        self.receipt = FileSigningKey.create(folder / "receipt.key")
        self.campaign = FileSigningKey.create(folder / "campaign.key")
        self.recipient = RecipientPrivateKey.create(folder / "recipient.key")


def core_for(keys: Keys, kiosk: str = "kiosk-1") -> Core:
    """Return a core with something in every field."""
    return Core(
        test=True,
        kiosk=kiosk,
        record_id=bytes(range(16)),
        recipient_key_id=keys.recipient.key_id,
        manifest_sha256=hashlib.sha256(b"manifest").digest(),
        captured_at_ns=1_700_000_000_000_000_000,
        clock=ClockState(123_456_789, -5_000_000),
    )


def start_of(keys: Keys, kiosk: str = "kiosk-1") -> bytes:
    """Return the head before the epoch's first record."""
    return epoch_start(kiosk, 1, keys.record.key_id)


def flips(data: bytes) -> Iterator[bytes]:
    """Yield `data` with each byte changed, once in one random bit and once in all."""
    for place, byte in enumerate(data):
        for mask in {1 << os.urandom(1)[0] % 8, 0xFF}:
            yield data[:place] + bytes([byte ^ mask]) + data[place + 1 :]


def cuts(data: bytes) -> Iterator[bytes]:
    """Yield every proper beginning of `data`."""
    return (data[:length] for length in range(len(data)))
