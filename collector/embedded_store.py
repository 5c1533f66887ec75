"""The embedded store: one file per record and one SQLite data base, in one folder."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from agent.proto.stream import SealedRecord
from collector.errors import StoreFailed, StoreInUse
from collector.record_files import RecordFiles
from collector.store import KioskPosition, NewRecord, PositionMoved, StoredRecord

FILE_NAME = "collector.sqlite"
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
-- Every receipt names the quarantined records: without it each acknowledgement reads the kiosk's whole history.
CREATE INDEX IF NOT EXISTS record_in_quarantine ON record (kiosk, epoch, seq) WHERE quarantined <> '';
"""
_COLUMNS = "kiosk, epoch, seq, record_id, payload_sha256, size_bytes, received_at_ns, test, quarantined"


class EmbeddedStore:
    """Files are on stable storage before their row is committed, so a row never points to nothing.

    A crash between the two leaves a file without a row; the kiosk sends the record again. Several processes may
    read; the one that appends holds the folder with `lock_for_appending`.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open the store; only with `create` is a missing one made. Raises StoreFailed."""
        self._folder, self._files = folder, RecordFiles(folder / "records")
        self._lock = Lock()
        self._handle: int | None = None
        path = folder / FILE_NAME
        try:
            if create:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif not path.exists():
                # A disk that is not mounted must not look like a store without records.
                raise StoreFailed(f"{path} is missing")
            self._data_base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._data_base.execute("PRAGMA synchronous = FULL")
            if create:
                self._data_base.execute("PRAGMA journal_mode = WAL")
                self._data_base.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreFailed(f"{folder}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data_base.close()
        if self._handle is not None:
            os.close(self._handle)

    def lock_for_appending(self) -> int:
        """Hold the store until it is closed and remove what a crash left half done; return how many files.

        Raises StoreInUse when another process holds it.
        """
        try:
            self._handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode("ascii"), 0)
        except BlockingIOError as error:
            raise StoreInUse(f"{self._folder}: held by process {_holder(self._handle)}") from error
        except OSError as error:
            raise StoreFailed(f"{self._folder}: {error.strerror}") from error
        with self._reading() as rows:
            chains = rows.execute("SELECT name, epoch, next_seq FROM kiosk").fetchall()
        return self._files.remove_unacknowledged({(name, epoch): next_seq for name, epoch, next_seq in chains})

    def register(self, kiosk: str, epoch: int, record_key: bytes, head: bytes) -> None:
        """Accept a kiosk's record key; an equal registration changes nothing, another one raises StoreFailed."""
        with self._writing() as rows:
            rows.execute(
                "INSERT INTO kiosk VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING", (kiosk, epoch, record_key, head)
            )
            known = rows.execute("SELECT epoch, record_key FROM kiosk WHERE name = ?", (kiosk,)).fetchone()
        if known != (epoch, record_key):
            raise StoreFailed(f"{kiosk} is registered with another key; new epochs are not built yet")

    def position(self, kiosk: str) -> KioskPosition | None:
        """Return where the kiosk's chain stands, or None when it is not registered."""
        with self._reading() as rows:
            return _position(rows, kiosk)

    def append(self, position: KioskPosition, records: Sequence[NewRecord], received_at_ns: int) -> KioskPosition:
        """Store records that follow `position`, all or none; return the new position. Raises PositionMoved."""
        new = [_row(position, record, received_at_ns) for record in records]
        after = replace(position, next_seq=new[-1].seq + 1, head=new[-1].payload_sha256)
        if self.position(position.kiosk) != position:
            raise PositionMoved
        self._files.write(new, [record.record for record in records])
        with self._writing() as rows:
            if _position(rows, position.kiosk) != position:
                raise PositionMoved
            rows.executemany(f"INSERT INTO record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_values, new))  # noqa: S608 # our own column names
            rows.execute(
                "UPDATE kiosk SET next_seq = ?, head = ? WHERE name = ?", (after.next_seq, after.head, after.kiosk)
            )
        return after

    def payload_hash(self, kiosk: str, epoch: int, seq: int) -> bytes | None:
        """Return the stored payload hash of a record, or None."""
        with self._reading() as rows:
            query = "SELECT payload_sha256 FROM record WHERE kiosk = ? AND epoch = ? AND seq = ?"
            found = rows.execute(query, (kiosk, epoch, seq)).fetchone()
        return found[0] if found else None

    def quarantined(self, kiosk: str, epoch: int) -> tuple[int, ...]:
        """Return the seqs in quarantine."""
        with self._reading() as rows:
            query = "SELECT seq FROM record WHERE kiosk = ? AND epoch = ? AND quarantined <> '' ORDER BY seq"
            return tuple(seq for (seq,) in rows.execute(query, (kiosk, epoch)))

    def records(self, limit: int) -> list[StoredRecord]:
        """Return the newest records first, by the order in which they were stored."""
        return self._select("ORDER BY rowid DESC LIMIT ?", max(0, limit))

    def find(self, record_id_prefix: str) -> list[StoredRecord]:
        """Return at most ten records whose id (hex) starts so, oldest first."""
        prefix = record_id_prefix.lower()
        # "g" sorts behind every hexadecimal digit, and a range can use the index.
        return self._select("WHERE record_id >= ? AND record_id < ? ORDER BY rowid LIMIT 10", prefix, prefix + "g")

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""
        return self._files.read(stored)

    def _select(self, clause: str, *values: object) -> list[StoredRecord]:
        with self._reading() as rows:
            found = rows.execute(f"SELECT {_COLUMNS} FROM record {clause}", values).fetchall()  # noqa: S608 # our own clauses
        return [_stored(*row) for row in found]

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            try:
                cursor = self._data_base.cursor()
                cursor.execute(begin)
                yield cursor
                cursor.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreFailed(str(error)) from error
            finally:
                self._roll_back()

    def _roll_back(self) -> None:
        try:
            if self._data_base.in_transaction:
                self._data_base.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise StoreFailed(str(error)) from error

    def _reading(self) -> AbstractContextManager[sqlite3.Cursor]:
        """One consistent view; other processes may write meanwhile."""
        return self._transaction("BEGIN")

    def _writing(self) -> AbstractContextManager[sqlite3.Cursor]:
        return self._transaction("BEGIN IMMEDIATE")


def _holder(handle: int | None) -> str:
    held = b"" if handle is None else os.pread(handle, 20, 0)
    return held.decode("ascii", "replace").strip() or "unknown"


def _position(rows: sqlite3.Cursor, kiosk: str) -> KioskPosition | None:
    columns = "name, epoch, record_key, next_seq, head"
    found = rows.execute(f"SELECT {columns} FROM kiosk WHERE name = ?", (kiosk,)).fetchone()  # noqa: S608 # our own column names
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
    return StoredRecord(
        position.kiosk,
        position.epoch,
        new.record.seq,
        new.record_id,
        new.payload_sha256,
        len(new.record.ciphertext),
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
