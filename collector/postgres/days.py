"""One partition for each day in which records arrive, so that a day can be moved, checked or dropped as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from collector.postgres.connection import Connection

DAY_NS = 86_400 * 10**9
PARTITIONED = ("record", "record_body")
# Partitions are made ahead: making one at midnight would hold the streams up.
DAYS_AHEAD = 7
_LOCK = 0x6B696F736B  # any number, the same in every collector process


class Days:
    """Makes partitions; remembers which are there."""

    def __init__(self) -> None:
        self._there: set[int] = set()

    def make(self, connection: Connection, now_ns: int) -> None:
        """See to it that records received at `now_ns`, and in the days after, have a place."""
        first = now_ns // DAY_NS
        missing = [day for day in range(first, first + DAYS_AHEAD) if day not in self._there]
        if {first, first + 1} <= self._there:
            return
        with connection.transaction():
            # One process at a time; the others find the partitions made.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            for day in missing:
                for table in PARTITIONED:
                    _make_partition(connection, table, day)
        self._there.update(missing)


def partition_name(table: str, day: int) -> str:
    """Return the name of a day's partition; `day` counts from 1970-01-01."""
    return f"{table}_{datetime.fromtimestamp(0, UTC) + timedelta(days=day):%Y%m%d}"


def _make_partition(connection: Connection, table: str, day: int) -> None:
    name = partition_name(table, day)
    found = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
    if found and found[0] is not None:
        return
    # Made apart and then attached: attaching does not hold up those who write to other days.
    connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)".encode())
    bounds = f"FROM ({day * DAY_NS}) TO ({(day + 1) * DAY_NS})"
    connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}".encode())
