"""The embedded store: one file per record and one SQLite data base, in one folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from agent.proto.stream import SealedRecord
from collector.errors import StoreFailed, StoreInUse
from collector.hours import COUNT_EARLIER
from collector.record_files import RecordFiles
from collector.sql_store import SqlStore, new_rows
from collector.sqlite_file import SqliteFile, make_folder
from collector.store import Item, KioskPosition, NewRecord, PositionMoved, StoredRecord
from collector.tables import HOURLY, SCHEMA, Rows, move

FILE_NAME = "collector.sqlite"


class EmbeddedStore(SqlStore):
    """Files are on stable storage before their row is committed, so a row never points to nothing.

    A crash between the two leaves a file without a row; the kiosk sends the record again. Several processes may
    read; the one that appends holds the folder with `lock_for_appending`.
    """

    ORDER = "rowid"

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open the store; only with `create` is a missing one made. Raises StoreFailed."""
        self._folder, self._files = folder, RecordFiles(folder / "records")
        self._handle: int | None = None
        if create:
            make_folder(folder)
        self._file = SqliteFile(folder / FILE_NAME, SCHEMA, create=create)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
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
        self._count_earlier()
        with self._reading() as rows:
            chains = rows.execute("SELECT name, epoch, next_seq FROM kiosk").fetchall()
        return self._files.remove_unacknowledged({(name, epoch): next_seq for name, epoch, next_seq in chains})

    def _count_earlier(self) -> None:
        """Bring a store of an earlier version to this one's tables."""
        with self._writing() as rows:
            known = rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'hourly'").fetchone()
            if known is None:
                rows.execute(HOURLY)
                rows.execute(COUNT_EARLIER)

    def append(self, position: KioskPosition, items: Sequence[Item], received_at_ns: int) -> KioskPosition:
        """Store what follows `position`, all or none; return the new position. Raises PositionMoved."""
        records = [item for item in items if isinstance(item, NewRecord)]
        new = new_rows(position, items, received_at_ns)
        after = replace(position, next_seq=items[-1].seq + 1, head=items[-1].payload_sha256)
        if self.position(position.kiosk) != position:
            raise PositionMoved
        if new:
            self._files.write(new, [record.record for record in records])
        with self._moving(position) as rows:
            self._store_rows(rows, position, new, items, received_at_ns)
            move(rows, after)
        return after

    def settle(self, position: KioskPosition) -> None:
        """Return at once: a row is visible only after its sync."""

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""
        return self._files.read(stored)

    def _reading(self) -> AbstractContextManager[Rows]:
        return self._file.reading()

    def _writing(self) -> AbstractContextManager[Rows]:
        return self._file.writing()


def _holder(handle: int | None) -> str:
    held = b"" if handle is None else os.pread(handle, 20, 0)
    return held.decode("ascii", "replace").strip() or "unknown"
