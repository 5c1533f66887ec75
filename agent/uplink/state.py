"""What the uplink knows of itself, readable from any thread."""

from __future__ import annotations

from dataclasses import dataclass

from agent.words import KioskError


@dataclass(frozen=True, slots=True)
class UplinkState:
    """`sent_seq`: last seq that the collector was given.

    `collector_offset_ns`: collector time minus kiosk time, measured at `offset_measured_at_ns` (CLOCK_MONOTONIC).
    `rewound_to`: the collector lost receipted records and is sent them again from this seq on.
    `lost_at_collector`: records that are no longer here either (the first seq, and the one behind the last).
    `address`: the collector that is or was tried last; `quiet`: records stay here until the quiet hours end.
    `quarantined`: seqs that the collector could not use, by its last receipt: these people must be taken in again.
    """

    connected: bool = False
    last_error: KioskError | None = None
    collector_offset_ns: int | None = None
    offset_measured_at_ns: int = 0
    sent_seq: int | None = None
    quarantined: tuple[int, ...] = ()
    rewound_to: int | None = None
    lost_at_collector: tuple[tuple[int, int], ...] = ()
    address: str = ""
    quiet: bool = False
