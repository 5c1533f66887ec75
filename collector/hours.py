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
class KioskTotal:
    """One kiosk's sums; hours count from 1970-01-01. Quarantined records are stored ones too, reissued ones are not.

    `recent` were stored from the hour on that was asked for.
    """

    kiosk: str
    stored: int
    quarantined: int
    newest_at_ns: int
    first_hour: int
    recent: int


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


def kiosk_totals(rows: Rows, recent_from: int) -> list[KioskTotal]:
    """Return the sums of each kiosk from which something came; added up where the data lie."""
    # PostgreSQL's sums of bigint are numeric, which is slow to fetch.
    whole = "CAST(sum({}) AS bigint)"
    sums = (whole.format(what) for what in ("stored", "quarantined", "CASE WHEN hour >= ? THEN stored ELSE 0 END"))
    stored, quarantined, recent = sums
    query = (
        f"SELECT kiosk, {stored}, {quarantined}, max(newest_at_ns), min(hour), {recent} "  # noqa: S608 # our own names
        "FROM hourly GROUP BY kiosk ORDER BY kiosk"
    )
    return [KioskTotal(*row) for row in rows.execute(query, (recent_from,)).fetchall()]


def hour_totals(rows: Rows, first: int) -> list[tuple[int, int]]:
    """Return (hour, stored) of all kiosks together, from an hour on."""
    query = "SELECT hour, CAST(sum(stored) AS bigint) FROM hourly WHERE hour >= ? GROUP BY hour ORDER BY hour"
    return [(hour, stored) for hour, stored in rows.execute(query, (first,)).fetchall()]


def kiosk_names(rows: Rows) -> list[str]:
    """Return all registered kiosks."""
    return [name for (name,) in rows.execute("SELECT name FROM kiosk ORDER BY name").fetchall()]
