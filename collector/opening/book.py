"""What was opened: ids, and each person as a keyed hash, so that doubles show without keeping a list of people."""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.opening.errors import OpeningFailed

KEY_BYTES = 32
SCHEMA = """
CREATE TABLE IF NOT EXISTS opened (
    record_id TEXT PRIMARY KEY, kiosk TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    person BLOB NOT NULL, folder TEXT NOT NULL, at_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS opened_by_person ON opened (person);
CREATE TABLE IF NOT EXISTS alarm (
    number INTEGER PRIMARY KEY, record_id TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
    raised_at_ns INTEGER NOT NULL, UNIQUE (record_id, code, detail)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that was opened, and where it was written to."""

    record_id: str
    kiosk: str
    epoch: int
    seq: int
    folder: str


@dataclass(frozen=True, slots=True)
class OpeningAlarm:
    """Something that people must look at."""

    record_id: str
    code: str
    detail: str


class Book:
    """Use it as a context manager. Methods raise OpeningFailed."""

    def __init__(self, path: Path, person_key: bytes) -> None:
        """`person_key`: 32 bytes that stay with whoever opens records."""
        self._key = person_key
        try:
            self._rows = sqlite3.connect(path, isolation_level=None)
            self._rows.execute("PRAGMA synchronous = FULL")
            self._rows.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise OpeningFailed(f"{path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def has(self, record_id: str) -> bool:
        """Say whether a record was opened before."""
        return self._rows.execute("SELECT 1 FROM opened WHERE record_id = ?", (record_id,)).fetchone() is not None

    def others_of(self, number: str, record_id: str) -> list[Opened]:
        """Return the other records of the person with this number, oldest first."""
        query = "SELECT record_id, kiosk, epoch, seq, folder FROM opened WHERE person = ? AND record_id <> ?"
        found = self._rows.execute(query + " ORDER BY rowid", (self._hashed(number), record_id)).fetchall()
        return [Opened(*row) for row in found]

    def add(self, opened: Opened, number: str, alarms: list[OpeningAlarm], now_ns: int) -> None:
        """Keep a record with its alarms, all or none."""
        person = self._hashed(number)
        values = (opened.record_id, opened.kiosk, opened.epoch, opened.seq, person, opened.folder, now_ns)
        try:
            self._rows.execute("BEGIN IMMEDIATE")
            self._rows.execute("INSERT INTO opened VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            self._raise(alarms, now_ns)
            self._rows.execute("COMMIT")
        except sqlite3.Error as error:
            if self._rows.in_transaction:
                self._rows.execute("ROLLBACK")
            raise OpeningFailed(f"book: {error}") from error

    def alarm(self, alarm: OpeningAlarm, now_ns: int) -> None:
        """Keep the alarm of a record that could not be opened; an equal one is not repeated."""
        try:
            self._raise([alarm], now_ns)
        except sqlite3.Error as error:
            raise OpeningFailed(f"book: {error}") from error

    def alarms(self) -> list[OpeningAlarm]:
        """Return all alarms, newest first."""
        found = self._rows.execute("SELECT record_id, code, detail FROM alarm ORDER BY number DESC").fetchall()
        return [OpeningAlarm(*row) for row in found]

    def _raise(self, alarms: list[OpeningAlarm], now_ns: int) -> None:
        query = "INSERT OR IGNORE INTO alarm (record_id, code, detail, raised_at_ns) VALUES (?, ?, ?, ?)"
        for one in alarms:
            self._rows.execute(query, (one.record_id, one.code, one.detail, now_ns))

    def _hashed(self, number: str) -> bytes:
        return hmac.digest(self._key, number.encode(), hashlib.sha256)


def person_key(path: Path) -> bytes:
    """Return the key of the hashes; the first time it is made. Raises OpeningFailed."""
    try:
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(handle)
        key = path.read_bytes()
    except OSError as error:
        raise OpeningFailed(f"{path}: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise OpeningFailed(f"{path}: {len(key)} bytes, {KEY_BYTES} expected")
    return key
