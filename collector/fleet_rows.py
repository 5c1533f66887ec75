"""One line for each kiosk: what needs people first on top."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from collector.fleet import KioskReport

SILENT_S = 3600.0
# A clock that is further off than this fails certificates sooner or later.
SKEW_S = 300.0
OLD_S = 24 * 3600.0
WELL = ("ready", "busy")


@dataclass(frozen=True, slots=True)
class FleetRow:
    """The last that was heard of a kiosk. `skew_s`: its clock minus ours when it spoke; `worst` is empty when well."""

    kiosk: str
    worst: str
    heard_s: float
    software: str
    pending: int
    oldest_pending_s: int
    skew_s: float
    lost_records: int
    devices: tuple[str, ...]
    errors: tuple[str, ...]
    refused_bundles: tuple[str, ...]
    test: bool


def fleet_rows(reports: Iterable[KioskReport], now_ns: int) -> list[FleetRow]:
    """Return a line for each kiosk: those with something wrong first, by how long nothing was heard, then by name."""
    rows = [_row(report, now_ns) for report in reports]
    return sorted(rows, key=lambda row: (not row.worst, -row.heard_s if row.worst else 0.0, row.kiosk))


def as_json(rows: Iterable[FleetRow]) -> list[dict[str, object]]:
    """Return the lines JSON-ready."""
    return [asdict(row) for row in rows]


def _row(report: KioskReport, now_ns: int) -> FleetRow:
    beat, queue = report.beat, report.beat.queue
    heard_s = max(0.0, (now_ns - report.received_at_ns) / 1e9)
    skew_s = (beat.kiosk_time_ns - report.received_at_ns) / 1e9
    devices = tuple(f"{one.kind}: {one.state}" for one in beat.devices if one.state not in WELL)
    refused = tuple(f"{one.kind} {one.version}: {one.code}" for one in report.verdicts if one.code)
    found = (
        ("silent" if heard_s > SILENT_S else ""),
        ("lost records" if queue.lost_records else ""),
        (beat.errors[0] if beat.errors else ""),
        (devices[0] if devices else ""),
        (f"clock {skew_s:+.0f} s" if abs(skew_s) > SKEW_S else ""),
        ("old records wait" if queue.oldest_pending_s > OLD_S else ""),
        (f"bundle {refused[0]}" if refused else ""),
    )
    return FleetRow(
        report.kiosk,
        next((one for one in found if one), ""),
        heard_s,
        report.software,
        queue.pending_records,
        queue.oldest_pending_s,
        skew_s,
        queue.lost_records,
        devices,
        beat.errors,
        refused,
        beat.test,
    )
