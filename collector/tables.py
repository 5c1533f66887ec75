"""The rows of both stores, and the statements on them; the embedded store's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from collector.store import Alarm, KioskPosition, NewTombstone, StoredRecord

HOURLY = """
CREATE TABLE IF NOT EXISTS hourly (
    kiosk TEXT NOT NULL, hour INTEGER NOT NULL, stored INTEGER NOT NULL, quarantined INTEGER NOT NULL,
    newest_at_ns INTEGER NOT NULL,
    PRIMARY KEY (kiosk, hour)
) STRICT
"""
SCHEMA = f"""
{HOURLY};
CREATE TABLE IF NOT EXISTS kiosk (
    name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, record_key BLOB NOT NULL,
    next_seq INTEGER NOT NULL, head BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS epoch (
    kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, record_key BLOB NOT NULL, reason TEXT NOT NULL,
    authorised_by TEXT NOT NULL, proof BLOB NOT NULL, opened_at_ns INTEGER NOT NULL,
    PRIMARY KEY (kiosk, epoch)
) STRICT;
CREATE TABLE IF NOT EXISTS record (
    kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, record_id TEXT NOT NULL,
    payload_sha256 BLOB NOT NULL, size_bytes INTEGER NOT NULL, received_at_ns INTEGER NOT NULL,
    test INTEGER NOT NULL, quarantined TEXT NOT NULL, ciphertext_sha256 BLOB NOT NULL, reissued INTEGER NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq)
) STRICT;
CREATE INDEX IF NOT EXISTS record_by_id ON record (record_id);
-- Every receipt names the quarantined records: without it each acknowledgement reads the kiosk's whole history.
CREATE INDEX IF NOT EXISTS record_in_quarantine ON record (kiosk, epoch, seq) WHERE quarantined <> '';
CREATE TABLE IF NOT EXISTS tombstone (
    kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, payload_sha256 BLOB NOT NULL,
    statement BLOB NOT NULL, received_at_ns INTEGER NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq)
) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
    kiosk TEXT PRIMARY KEY, epoch INTEGER NOT NULL, next_seq INTEGER NOT NULL, statement BLOB NOT NULL,
    received_at_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS token (
    sha256 BLOB PRIMARY KEY, kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, issued_for TEXT NOT NULL,
    expires_at_ns INTEGER NOT NULL, used_at_ns INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS alarm (
    number INTEGER PRIMARY KEY, kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
    raised_at_ns INTEGER NOT NULL
) STRICT;
"""
RECORD_COLUMNS = (
    "kiosk, epoch, seq, record_id, payload_sha256, size_bytes, received_at_ns, test, quarantined, ciphertext_sha256, "
    "reissued"
)


class Rows(Protocol):
    """A cursor inside a transaction. Statements have `?` for their values and are the same for both data bases."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Run one statement."""
        ...

    def fetchone(self) -> Any:  # whatever the columns hold
        """Return the next row or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Return the rows one after another."""
        ...


def position_row(rows: Rows, kiosk: str) -> KioskPosition | None:
    """Return where a kiosk's chain stands."""
    columns = "name, epoch, record_key, next_seq, head"
    found = rows.execute(f"SELECT {columns} FROM kiosk WHERE name = ?", (kiosk,)).fetchone()  # noqa: S608 # our own column names
    return KioskPosition(*found) if found else None


def move(rows: Rows, after: KioskPosition) -> None:
    """Set a kiosk's position."""
    values = (after.epoch, after.record_key, after.next_seq, after.head, after.kiosk)
    rows.execute("UPDATE kiosk SET epoch = ?, record_key = ?, next_seq = ?, head = ? WHERE name = ?", values)


def insert_record(rows: Rows, record: StoredRecord) -> None:
    """Add the row of a record."""
    rows.execute(
        f"INSERT INTO record ({RECORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 # our own column names
        _record_values(record),
    )


def insert_tombstones(rows: Rows, kiosk: KioskPosition, lost: Iterable[NewTombstone], now_ns: int) -> None:
    """Add rows of tombstones, each with its alarm."""
    for one in lost:
        values = (kiosk.kiosk, kiosk.epoch, one.seq, one.payload_sha256, one.statement, now_ns)
        rows.execute("INSERT INTO tombstone VALUES (?, ?, ?, ?, ?, ?)", values)
        known = "its hash is known" if one.known else "its hash is not known"
        detail = f"record {one.seq} is lost on the kiosk ({known}): {one.reason}"
        raise_alarm(rows, kiosk, "record_lost", detail, now_ns)


def raise_alarm(rows: Rows, kiosk: KioskPosition, code: str, detail: str, now_ns: int) -> None:
    """Add an alarm for people."""
    query = "INSERT INTO alarm (kiosk, epoch, code, detail, raised_at_ns) VALUES (?, ?, ?, ?, ?)"
    rows.execute(query, (kiosk.kiosk, kiosk.epoch, code, detail, now_ns))


def alarms(rows: Rows, limit: int) -> list[Alarm]:
    """Return the newest alarms first."""
    query = "SELECT kiosk, epoch, code, detail, raised_at_ns FROM alarm ORDER BY number DESC LIMIT ?"
    return [Alarm(*row) for row in rows.execute(query, (limit,))]


def as_record(row: tuple[str, int, int, str, bytes, int, int, int, str, bytes, int]) -> StoredRecord:
    """Return a row of the record table as a record."""
    kiosk, epoch, seq, record_id, payload, size, received, test, quarantined, ciphertext, reissued = row
    return StoredRecord(
        kiosk,
        epoch,
        seq,
        bytes.fromhex(record_id),
        payload,
        size,
        received,
        bool(test),
        quarantined,
        ciphertext,
        bool(reissued),
    )


def _record_values(row: StoredRecord) -> tuple[object, ...]:
    return (
        row.kiosk,
        row.epoch,
        row.seq,
        row.record_id.hex(),
        row.payload_sha256,
        row.size_bytes,
        row.received_at_ns,
        int(row.test),
        row.quarantined,
        row.ciphertext_sha256,
        int(row.reissued),
    )
