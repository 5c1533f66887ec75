"""Connections to the server, and what must be switched on there before a record may be acknowledged."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool

from collector.errors import StoreFailed, StoreNotDurable
from collector.postgres.rows import Row

Connection = psycopg.Connection[Row]
CONNECT_WITHIN_S = 10
# A server that hangs, or a standby that does not confirm, must not hold a kiosk's stream for ever. The server ends a
# statement after half of it; what it does not end itself, waiting for a standby above all, is cut off here.
CALL_WITHIN_S = 40.0
# A machine that lost its power says nothing: the network must notice.
DEFAULTS: Final[dict[str, Any]] = {  # Any: as libpq takes them
    # Of several hosts the one that takes writes is meant: after a failover the former standby.
    "target_session_attrs": "read-write",
    "connect_timeout": CONNECT_WITHIN_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Without any of these a power cut can take records that were acknowledged.
# https://www.postgresql.org/docs/current/runtime-config-wal.html
DURABLE: Final = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
}
SETTINGS: Final = ", ".join(f"current_setting('{name}')" for name in DURABLE)


def open_pool(address: str, size: int, call_within_s: float = CALL_WITHIN_S) -> ConnectionPool[Connection]:
    """Connect to the data base at `address` (a libpq connection string). Raises StoreFailed or StoreNotDurable."""
    half_ms = int(call_within_s * 500)
    limits = f"-c statement_timeout={half_ms} -c idle_in_transaction_session_timeout={half_ms}"
    complete = _complete(address)

    def check(connection: Connection) -> None:
        with cut_off_after(connection, call_within_s):
            ConnectionPool.check_connection(connection)

    pool: ConnectionPool[Connection] = ConnectionPool(
        complete,
        min_size=1,
        max_size=size,
        open=False,
        # A server that was restarted leaves dead connections behind: each is tried before it is handed out.
        check=check,
        kwargs={
            "autocommit": True,
            "application_name": "kiosk-collector",
            "options": limits,
        },
        timeout=CONNECT_WITHIN_S,
    )
    try:
        # The pool alone would try for its whole time-out and then not say why.
        psycopg.connect(complete).close()
        pool.open(wait=True, timeout=CONNECT_WITHIN_S)
        with pool.connection() as connection:
            require_durable(connection.execute(f"SELECT {SETTINGS}".encode()).fetchone() or ())
    except psycopg.Error as error:
        pool.close()
        raise StoreFailed(_cause(address, error)) from error
    except StoreNotDurable:
        pool.close()
        raise
    return pool


@contextmanager
def cut_off_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Break the connection when the server has not answered in time: whoever waits for it gets psycopg's error."""
    timer = Timer(seconds, _break, (connection,))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _break(connection: Connection) -> None:
    # The connection is in use by a thread that waits: the socket is all that may be touched.
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def require_durable(values: Sequence[str]) -> None:
    """Raise StoreNotDurable when one of SETTINGS has a value with which an acknowledged record could be lost."""
    for (name, good), value in zip(DURABLE.items(), values, strict=True):
        if value not in good:
            raise StoreNotDurable(f"{name} = {value}")


def _complete(address: str) -> str:
    try:
        given = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError as error:
        raise StoreFailed("`database` is not a connection string") from error
    return psycopg.conninfo.make_conninfo("", **(DEFAULTS | given))


def _cause(address: str, error: psycopg.Error) -> str:
    """Name server and data base, never the password."""
    parts = psycopg.conninfo.conninfo_to_dict(address)
    place = f"{parts.get('host', 'local socket')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
    return f"{place}: {str(error).strip().splitlines()[0] if str(error) else type(error).__name__}"
