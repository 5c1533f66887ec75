"""What came from each kiosk in each hour, counted as it is stored: the campaign's numbers without reading records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.store import StoredRecord
from collector.tables import Rows

HOUR_NS = 3600 * 10**9
COUNT_EARLIER = f"""
INSERT INTO hourly SELECT kiosk, received_at_ns / {HOUR_NS}, sum(1 - reissued),
    sum(CASE WHEN quarantined <> '' THEN 1 ELSE 0 END), max(received_at_ns)
FROM record GROUP BY 1, 2
"""  # noqa: S608 # our own number


@dataclass(frozen=True, slots=True)
class KioskHour:
    """One kiosk's hour; `hour` counts from 1970-01-01. Quarantined records are stored ones too, reissued ones not."""

    kiosk: str
    hour: int
    stored: int
    quarantined: int
    newest_at_ns: int


def count(rows: Rows, kiosk: str, stored: Sequence[StoredRecord], now_ns: int) -> None:
    """Add what one append brings; the caller holds the kiosk's position."""
    new = sum(not row.reissued for row in stored)
    quarantined = sum(bool(row.quarantined) for row in stored)
    rows.execute(
        "INSERT INTO hourly VALUES (?, ?, ?, ?, ?) ON CONFLICT (kiosk, hour) DO UPDATE SET "
        "stored = hourly.stored + excluded.stored, quarantined = hourly.quarantined + excluded.quarantined, "
        "newest_at_ns = excluded.newest_at_ns",
        (kiosk, now_ns // HOUR_NS, new, quarantined, now_ns),
    )


def kiosk_hours(rows: Rows) -> list[KioskHour]:
    """Return all hours in which something came."""
    query = "SELECT kiosk, hour, stored, quarantined, newest_at_ns FROM hourly ORDER BY kiosk, hour"
    return [KioskHour(*row) for row in rows.execute(query).fetchall()]


def kiosk_names(rows: Rows) -> list[str]:
    """Return all registered kiosks."""
    return [name for (name,) in rows.execute("SELECT name FROM kiosk ORDER BY name").fetchall()]
