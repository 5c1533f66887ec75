"""The embedded store: one file per record and one SQLite data base, in one folder."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from agent.proto.stream import SealedRecord
from collector import epoch_book
from collector.errors import StoreFailed, StoreInUse
from collector.record_files import RecordFiles
from collector.store import (
    Alarm,
    EpochToken,
    Item,
    KioskPosition,
    NewEpoch,
    NewRecord,
    NewTombstone,
    PositionMoved,
    StoredRecord,
)
from collector.tables import (
    RECORD_COLUMNS,
    SCHEMA,
    alarms,
    as_record,
    insert_record,
    insert_tombstones,
    move,
    position_row,
    raise_alarm,
)

FILE_NAME = "collector.sqlite"


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
                self._data_base.executescript(SCHEMA)
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
        """Accept a new kiosk's record key; an equal registration changes nothing, another one raises StoreFailed.

        A kiosk that is registered gets another key by a new epoch only.
        """
        with self._writing() as rows:
            rows.execute(
                "INSERT INTO kiosk VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING", (kiosk, epoch, record_key, head)
            )
            known = position_row(rows, kiosk)
            if known is None or (known.epoch, known.record_key) != (epoch, record_key):
                raise StoreFailed(f"{kiosk} is registered with another key: a new key needs a new epoch")
            epoch_book.note_registration(rows, known, time.time_ns())

    def position(self, kiosk: str) -> KioskPosition | None:
        """Return where the kiosk's chain stands, or None when it is not registered."""
        with self._reading() as rows:
            return position_row(rows, kiosk)

    def append(self, position: KioskPosition, items: Sequence[Item], received_at_ns: int) -> KioskPosition:
        """Store what follows `position`, all or none; return the new position. Raises PositionMoved."""
        records = [item for item in items if isinstance(item, NewRecord)]
        new = [_row(position, record, received_at_ns) for record in records]
        after = replace(position, next_seq=items[-1].seq + 1, head=items[-1].payload_sha256)
        if self.position(position.kiosk) != position:
            raise PositionMoved
        if new:
            self._files.write(new, [record.record for record in records])
        with self._moving(position) as rows:
            for row in new:
                # One by one: two records of one batch may share an id.
                self._insert(rows, position, _compared(rows, row))
            insert_tombstones(rows, position, (i for i in items if isinstance(i, NewTombstone)), received_at_ns)
            move(rows, after)
        return after

    def _insert(self, rows: sqlite3.Cursor, position: KioskPosition, row: StoredRecord) -> None:
        insert_record(rows, row)
        if row.quarantined:
            detail = f"record {row.seq} ({row.record_id.hex()}): {row.quarantined}"
            raise_alarm(rows, position, "quarantined", detail, row.received_at_ns)

    def open_epoch(self, position: KioskPosition, new: NewEpoch, now_ns: int) -> KioskPosition:
        """Move the kiosk to its new epoch, with an alarm. Raises PositionMoved or TokenRefused."""
        with self._moving(position) as rows:
            return epoch_book.open_epoch(rows, position, new, now_ns)

    def add_token(self, token: EpochToken) -> None:
        """Keep a one-time token's hash; an older unused one of the kiosk is withdrawn."""
        with self._writing() as rows:
            epoch_book.add_token(rows, token)

    def record_key(self, kiosk: str, epoch: int) -> bytes | None:
        """Return the public point of the key of an epoch, past ones too."""
        with self._reading() as rows:
            return epoch_book.record_key(rows, kiosk, epoch)

    def skip_lost(self, position: KioskPosition, after: KioskPosition, detail: str, now_ns: int) -> None:
        """Go on at `after`: the records in between are gone at both ends. Raises PositionMoved."""
        with self._moving(position) as rows:
            raise_alarm(rows, position, "lost_at_collector", detail, now_ns)
            move(rows, after)

    def checkpoint(self, position: KioskPosition, next_seq: int, statement: bytes, now_ns: int) -> None:
        """Keep the kiosk's newest checkpoint."""
        with self._writing() as rows:
            values = (position.kiosk, position.epoch, next_seq, statement, now_ns)
            rows.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?)", values)

    def alarm(self, position: KioskPosition, code: str, detail: str, now_ns: int) -> None:
        """Raise an alarm; an equal one that is there already is not repeated."""
        with self._writing() as rows:
            query = "SELECT 1 FROM alarm WHERE (kiosk, epoch, code, detail) = (?, ?, ?, ?)"
            if rows.execute(query, (position.kiosk, position.epoch, code, detail)).fetchone() is None:
                raise_alarm(rows, position, code, detail, now_ns)

    def alarms(self, limit: int) -> list[Alarm]:
        """Return the newest alarms first."""
        with self._reading() as rows:
            return alarms(rows, max(0, limit))

    def payload_hash(self, kiosk: str, epoch: int, seq: int) -> bytes | None:
        """Return the payload hash of a stored record or tombstone, or None."""
        with self._reading() as rows:
            for table in ("record", "tombstone"):
                query = f"SELECT payload_sha256 FROM {table} WHERE kiosk = ? AND epoch = ? AND seq = ?"  # noqa: S608 # our own names
                found = rows.execute(query, (kiosk, epoch, seq)).fetchone()
                if found:
                    return bytes(found[0])
        return None

    def quarantined(self, kiosk: str, epoch: int) -> tuple[int, ...]:
        """Return the seqs in quarantine."""
        with self._reading() as rows:
            query = "SELECT seq FROM record WHERE kiosk = ? AND epoch = ? AND quarantined <> '' ORDER BY seq"
            return tuple(seq for (seq,) in rows.execute(query, (kiosk, epoch)))

    def records(self, limit: int) -> list[StoredRecord]:
        """Return the newest records first, by the order in which they were stored; reissued ones only once."""
        return self._select("WHERE reissued = 0 ORDER BY rowid DESC LIMIT ?", max(0, limit))

    def every_record(self) -> list[StoredRecord]:
        """Return every row, reissued ones too, oldest first: for copies of the whole store."""
        return self._select("ORDER BY rowid")

    def find(self, record_id_prefix: str) -> list[StoredRecord]:
        """Return at most ten records whose id (hex) starts so, oldest first."""
        prefix = record_id_prefix.lower()
        # "g" sorts behind every hexadecimal digit, and a range can use the index.
        return self._select(
            "WHERE record_id >= ? AND record_id < ? AND reissued = 0 ORDER BY rowid LIMIT 10", prefix, prefix + "g"
        )

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""
        return self._files.read(stored)

    def _select(self, clause: str, *values: object) -> list[StoredRecord]:
        with self._reading() as rows:
            found = rows.execute(f"SELECT {RECORD_COLUMNS} FROM record {clause}", values).fetchall()  # noqa: S608 # our own clauses
        return [as_record(row) for row in found]

    @contextmanager
    def _moving(self, position: KioskPosition) -> Iterator[sqlite3.Cursor]:
        """Change a kiosk's position, which must still be this one. Raises PositionMoved."""
        with self._writing() as rows:
            if position_row(rows, position.kiosk) != position:
                raise PositionMoved
            yield rows

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


def _row(position: KioskPosition, new: NewRecord, received_at_ns: int) -> StoredRecord:
    return StoredRecord(
        position.kiosk,
        position.epoch,
        new.seq,
        new.record_id,
        new.payload_sha256,
        len(new.record.ciphertext),
        received_at_ns,
        new.test,
        new.quarantined,
        new.ciphertext_sha256,
    )


def _compared(rows: sqlite3.Cursor, row: StoredRecord) -> StoredRecord:
    """Hold a record against those of the same id: the same one reissued, or another one under a used id."""
    query = "SELECT ciphertext_sha256 FROM record WHERE record_id = ? AND quarantined = ''"
    before = {ciphertext for (ciphertext,) in rows.execute(query, (row.record_id.hex(),))}
    if not before or row.quarantined:
        return row
    if row.ciphertext_sha256 in before:
        return replace(row, reissued=True)
    return replace(row, quarantined="record id is used by another record")
