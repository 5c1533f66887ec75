"""A support bundle for the collector's eyes only: sealed to the key that records are sealed to."""

from __future__ import annotations

from pathlib import Path

from agent.config import load_config
from agent.provisioning import load_recipients
from agent.sealing.support_bundle import seal_bundle


def sealed_to_collector(packed: bytes, config: Path, now_s: float) -> bytes:
    """Return the sealed bundle. Raises ConfigError, NotProvisioned or SealingError: it is not written unsealed."""
    now_ns = int(now_s * 1e9)
    return seal_bundle(packed, load_recipients(load_config(config), now_ns).current(now_ns))
