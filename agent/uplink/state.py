"""What the uplink knows of itself, readable from any thread."""

from __future__ import annotations

from dataclasses import dataclass

from agent.words import KioskError


@dataclass(frozen=True, slots=True)
class UplinkState:
    """`sent_seq`: last seq that the collector was given.

    `collector_offset_ns`: collector time minus kiosk time, measured at `offset_measured_at_ns` (CLOCK_MONOTONIC).
    `quarantined`: seqs that the collector could not use, by its last receipt: these people must be taken in again.
    """

    connected: bool = False
    last_error: KioskError | None = None
    collector_offset_ns: int | None = None
    offset_measured_at_ns: int = 0
    sent_seq: int | None = None
    quarantined: tuple[int, ...] = ()
