"""One SQLite file of the collector: how it is opened, and what a transaction on it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock

from collector.errors import StoreFailed


class SqliteFile:
    """Its methods may be called from any thread, and raise StoreFailed; several processes may use the file at once."""

    def __init__(self, path: Path, schema: str, *, create: bool, synchronous: str = "FULL") -> None:
        """Open it; only with `create` is a missing one made, in a folder that is there. Raises StoreFailed."""
        self._path, self._lock = path, Lock()
        with self._told():
            if not create and not path.exists():
                # A disk that is not mounted must not look like a store without records, or without revoked kiosks.
                raise StoreFailed(f"{path} is missing")
            self._data_base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._data_base.execute(f"PRAGMA synchronous = {synchronous}")
            if create:
                self._data_base.execute("PRAGMA journal_mode = WAL")
                self._data_base.executescript(schema)

    def close(self) -> None:
        """Close it."""
        self._data_base.close()

    def reading(self) -> AbstractContextManager[sqlite3.Cursor]:
        """One consistent view; other processes may write meanwhile."""
        return self._transaction("BEGIN")

    def writing(self) -> AbstractContextManager[sqlite3.Cursor]:
        """All or nothing, and as durable as `synchronous` says when it ends."""
        return self._transaction("BEGIN IMMEDIATE")

    def changes(self) -> int:
        """Return SQLite's count of what other connections committed."""
        with self._lock, self._told():
            return int(self._data_base.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Cursor]:
        with self._lock, self._told():
            try:
                rows = self._data_base.cursor()
                rows.execute(begin)
                yield rows
                rows.execute("COMMIT")
            finally:
                if self._data_base.in_transaction:
                    self._data_base.execute("ROLLBACK")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        # OverflowError: a number that SQLite cannot hold.
        except (OSError, sqlite3.Error, OverflowError) as error:
            raise StoreFailed(f"{self._path}: {error}") from error


def make_folder(folder: Path) -> None:
    """Make the store's folder, for its owner only. Raises StoreFailed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailed(f"{folder}: {error.strerror}") from error
