"""What the kiosk tells of itself, JSON-ready; no personal data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from agent.centre import KioskCentre
from agent.enrolment import Renewal
from agent.intake.showing import describe
from agent.queue import Queue
from agent.uplink import UplinkState


def of_queue(queue: Queue, uplink: UplinkState) -> Mapping[str, object]:
    """Return where the chain stands, what waits, and the room that is left."""
    position, figures = queue.position, queue.status()
    return {
        "epoch": position.epoch,
        "next_seq": position.next_seq,
        "acknowledged": queue.acknowledged,
        "sent_seq": uplink.sent_seq,
        "pending": figures.pending_records,
        "pending_bytes": figures.pending_bytes,
        "oldest_pending_s": figures.oldest_pending_s,
        "receipted_kept": figures.receipted_kept,
        "free_bytes": figures.free_bytes,
        "lost": queue.lost,
    }


def of_uplink(state: UplinkState) -> Mapping[str, object]:
    """Return whether the collector is reached, what keeps it away, and what it said of records."""
    return {
        "connected": state.connected,
        "address": state.address,
        "quiet": state.quiet,
        "collector_offset_ns": state.collector_offset_ns,
        "error": describe(state.last_error) if state.last_error else None,
        "quarantined": list(state.quarantined),
        "rewound_to": state.rewound_to,
        "lost_at_collector": [list(pair) for pair in state.lost_at_collector],
    }


def of_certificate(renewal: Renewal, renews_itself: bool) -> Mapping[str, object]:
    """Return the certificate's dates and what keeps it from being renewed."""
    state = renewal.state
    return {
        "renews_itself": renews_itself,
        "begins_at_ns": state.begins_at_ns or None,
        "expires_at_ns": state.expires_at_ns or None,
        "due_at_ns": state.due_at_ns or None,
        "clock_offset_ns": state.clock_offset_ns,
        "error": describe(state.last_error) if state.last_error else None,
    }


def of_centre(centre: KioskCentre, versions: Mapping[str, int]) -> Mapping[str, object]:
    """Return the bundles in use and waiting, the one that was refused, and the centre's messages."""
    return {
        "bundles": dict(versions),
        "bundles_waiting": centre.waiting,
        "bundle_refused": asdict(centre.refusal) if centre.refusal else None,
        "announcements": [asdict(one) for one in centre.announcements],
    }
