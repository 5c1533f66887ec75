"""Records in PostgreSQL: any number of collector processes append, each kiosk's chain behind one locked row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

import psycopg
from psycopg_pool import PoolTimeout

from agent.proto.stream import SealedRecord
from collector.errors import StoreFailed
from collector.postgres import bodies
from collector.postgres.connection import CALL_WITHIN_S, SETTINGS, Connection, cut_off_after, open_pool, require_durable
from collector.postgres.days import Days
from collector.postgres.migrations import migrate, require_current
from collector.postgres.rows import Rows as PostgresRows
from collector.sql_store import SqlStore, new_rows
from collector.store import Item, KioskPosition, NewRecord, PositionMoved, StoredRecord
from collector.tables import Rows, move


class PostgresStore(SqlStore):
    """A record, its bytes and its kiosk's new position are one transaction: all of it is durable, or none is there."""

    ORDER = "number"

    def __init__(
        self,
        address: str,
        *,
        create: bool = False,
        connections: int = 4,
        call_within_s: float = CALL_WITHIN_S,
    ) -> None:
        """Connect; `create` makes or migrates the tables. Raises StoreFailed or StoreNotDurable."""
        self._pool = open_pool(address, connections, call_within_s)
        self._call_within_s = call_within_s
        self._days = Days()
        self.calls_at_once = connections
        self.steps_taken = 0
        try:
            with self._connection() as connection:
                if create:
                    self.steps_taken = migrate(connection)
                require_current(connection)
        except StoreFailed:
            self._pool.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def lock_for_appending(self) -> int:
        """Several processes may append: each append locks its kiosk's row. Nothing is left half done by a crash."""
        return 0

    def append(self, position: KioskPosition, items: Sequence[Item], received_at_ns: int) -> KioskPosition:
        """Store what follows `position`, all or none; return the new position. Raises PositionMoved or StoreFailed."""
        new = new_rows(position, items, received_at_ns)
        after = replace(position, next_seq=items[-1].seq + 1, head=items[-1].payload_sha256)
        if new:
            with self._connection() as connection:
                self._days.make(connection, received_at_ns)
        with self._writing() as rows:
            if self._held_position(rows, position.kiosk) != position:
                raise PositionMoved
            if new:
                bodies.write(rows, new, [item.record for item in items if isinstance(item, NewRecord)])
            self._store_rows(rows, position, new, items, received_at_ns)
            move(rows, after)
        return after

    def settle(self, position: KioskPosition) -> None:
        """Commit behind everything that is there: what a broken commit left on this server alone is safe after it."""
        with self._writing() as rows:
            self._held_position(rows, position.kiosk)

    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""
        with self._reading() as rows:
            return bodies.read(rows, stored)

    def _held_position(self, rows: Rows, kiosk: str) -> KioskPosition | None:
        statement = f"SELECT name, epoch, record_key, next_seq, head, {SETTINGS} FROM kiosk WHERE name = ? FOR UPDATE"  # noqa: S608 # our own names
        found = rows.execute(statement, (kiosk,)).fetchone()
        if found is None:
            return None
        # They can be switched off while we run.
        require_durable(found[5:])
        return KioskPosition(*found[:5])

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._pool.connection() as connection, cut_off_after(connection, self._call_within_s):
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise StoreFailed(_cause(error)) from error

    @contextmanager
    def _reading(self) -> Iterator[PostgresRows]:
        with self._connection() as connection, connection.cursor() as cursor:
            yield PostgresRows(cursor)

    @contextmanager
    def _writing(self) -> Iterator[PostgresRows]:
        with (
            self._connection() as connection,
            _sure_of_commit(connection),
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            yield PostgresRows(cursor)


@contextmanager
def _sure_of_commit(connection: Connection) -> Iterator[None]:
    """Raise StoreFailed for a commit that came with a warning.

    Whoever cancels a session that waits for a standby makes the server commit on its own disk alone and call that a
    success:
    https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION-HA
    """
    warnings: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "warning")

    connection.add_notice_handler(note)
    try:
        yield
    finally:
        connection.remove_notice_handler(note)
    if warnings:
        raise StoreFailed(warnings[0])


def _cause(error: Exception) -> str:
    """Return the server's own sentence; its DETAIL line quotes values and stays out."""
    told = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return told or str(error).strip().partition("\n")[0] or type(error).__name__
