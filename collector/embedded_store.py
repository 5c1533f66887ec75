"""The embedded store: one file per record and one SQLite data base, in one folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from agent.proto.stream import SealedRecord, decode_request, encode_request
from collector.errors import StoreFailed
from collector.store import KioskPosition, NewRecord, PositionMoved, StoredRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kiosk (
    name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, record_key BLOB NOT NULL,
    next_seq INTEGER NOT NULL, head BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS record (
    kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, record_id TEXT NOT NULL,
    payload_sha256 BLOB NOT NULL, size_bytes INTEGER NOT NULL, received_at_ns INTEGER NOT NULL,
    test INTEGER NOT NULL, quarantined TEXT NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq)
) STRICT;
CREATE INDEX IF NOT EXISTS record_by_id ON record (record_id);
"""
_COLUMNS = "kiosk, epoch, seq, record_id, payload_sha256, size_bytes, received_at_ns, test, quarantined"


class EmbeddedStore:
    """Files are on stable storage before their row is committed, so a row never points to nothing.

    A crash between the two leaves a file without a row; the kiosk sends the record again and the file is replaced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._data_base = sqlite3.connect(
                folder / "collector.sqlite", isolation_level=None, check_same_thread=False
            )
            self._data_base.execute("PRAGMA journal_mode = WAL")
            self._data_base.execute("PRAGMA synchronous = FULL")
            self._data_base.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreFailed(f"{folder}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data_base.close()

    def register(self, kiosk: str, epoch: int, record_key: bytes, head: bytes) -> None:
        """Accept a kiosk's record key; an equal registration changes nothing, another one raises StoreFailed."""
        with self._transaction() as rows:
            rows.execute(
                "INSERT INTO kiosk VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING", (kiosk, epoch, record_key, head)
            )
            known = rows.execute("SELECT epoch, record_key FROM kiosk WHERE name = ?", (kiosk,)).fetchone()
        if known != (epoch, record_key):
            raise StoreFailed(f"{kiosk} is registered with another key; new epochs are not built yet")

    def position(self, kiosk: str) -> KioskPosition | None:
        """Return where the kiosk's chain stands, or None when it is not registered."""
        with self._transaction() as rows:
            return _position(rows, kiosk)

    def append(self, position: KioskPosition, records: Sequence[NewRecord], received_at_ns: int) -> KioskPosition:
        """Store records that follow `position`, all or none; return the new position. Raises PositionMoved."""
        new = [_row(position, record, received_at_ns) for record in records]
        self._write_files(new, records)
        after = KioskPosition(
            position.kiosk, position.epoch, position.record_key, new[-1].seq + 1, new[-1].payload_sha256
        )
        with self._transaction() as rows:
            if _position(rows, position.kiosk) != position:
                raise PositionMoved
            rows.executemany(f"INSERT INTO record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_values, new))  # noqa: S608 # our own column names
            rows.execute(
                "UPDATE kiosk SET next_seq = ?, head = ? WHERE name = ?", (after.next_seq, after.head, after.kiosk)
            )
        return after

    def payload_hash(self, kiosk: str, epoch: int, seq: int) -> bytes | None:
        """Return the stored payload hash of a record, or None."""
        with self._transaction() as rows:
            query = "SELECT payload_sha256 FROM record WHERE kiosk = ? AND epoch = ? AND seq = ?"
            found = rows.execute(query, (kiosk, epoch, seq)).fetchone()
        return found[0] if found else None

    def quarantined(self, kiosk: str, epoch: int) -> tuple[int, ...]:
        """Return the seqs in quarantine."""
        with self._transaction() as rows:
            query = "SELECT seq FROM record WHERE kiosk = ? AND epoch = ? AND quarantined <> '' ORDER BY seq"
            return tuple(seq for (seq,) in rows.execute(query, (kiosk, epoch)))

    def records(self, limit: int) -> list[StoredRecord]:
        """Return the newest records first."""
        return self._select("ORDER BY received_at_ns DESC, seq DESC LIMIT ?", limit)

    def find(self, record_id_prefix: str) -> list[StoredRecord]:
        """Return at most ten records whose id (hex) starts so."""
        prefix = record_id_prefix.lower()
        return self._select("WHERE substr(record_id, 1, ?) = ? ORDER BY received_at_ns LIMIT 10", len(prefix), prefix)

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed or MessageInvalid."""
        path = self._path(stored)
        try:
            record = decode_request(path.read_bytes())
        except OSError as error:
            raise StoreFailed(f"{path}: {error.strerror}") from error
        if not isinstance(record, SealedRecord):
            raise StoreFailed(f"{path}: not a record")
        return record

    def _select(self, clause: str, *values: object) -> list[StoredRecord]:
        with self._transaction() as rows:
            found = rows.execute(f"SELECT {_COLUMNS} FROM record {clause}", values).fetchall()  # noqa: S608 # our own clauses
        return [_stored(*row) for row in found]

    def _write_files(self, rows: Sequence[StoredRecord], records: Sequence[NewRecord]) -> None:
        try:
            for row, record in zip(rows, records, strict=True):
                _write_durably(self._path(row), encode_request(record.record))
            _sync_folder(self._path(rows[0]).parent)
        except OSError as error:
            raise StoreFailed(f"{self._folder}: {error.strerror}") from error

    def _path(self, stored: StoredRecord) -> Path:
        folder = self._folder / "records" / stored.kiosk / str(stored.epoch)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for made in (folder, *folder.parents[:3]):
                _sync_folder(made)
        return folder / f"{stored.seq:012d}.record"

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            cursor = self._data_base.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreFailed(str(error)) from error
            finally:
                if self._data_base.in_transaction:
                    cursor.execute("ROLLBACK")


def _position(rows: sqlite3.Cursor, kiosk: str) -> KioskPosition | None:
    found = rows.execute("SELECT * FROM kiosk WHERE name = ?", (kiosk,)).fetchone()
    return KioskPosition(*found) if found else None


def _stored(
    kiosk: str,
    epoch: int,
    seq: int,
    record_id: str,
    payload_sha256: bytes,
    size_bytes: int,
    received_at_ns: int,
    test: int,
    quarantined: str,
) -> StoredRecord:
    return StoredRecord(
        kiosk, epoch, seq, bytes.fromhex(record_id), payload_sha256, size_bytes, received_at_ns, bool(test), quarantined
    )


def _row(position: KioskPosition, new: NewRecord, received_at_ns: int) -> StoredRecord:
    size = len(new.record.ciphertext)
    return StoredRecord(
        position.kiosk,
        position.epoch,
        new.record.seq,
        new.record_id,
        new.payload_sha256,
        size,
        received_at_ns,
        new.test,
        new.quarantined,
    )


def _values(row: StoredRecord) -> tuple[object, ...]:
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
    )


def _write_durably(path: Path, data: bytes) -> None:
    scratch = path.with_suffix(".new")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
