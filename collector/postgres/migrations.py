"""The schema, step by step. A step that was released is never changed: a new one follows it."""

from __future__ import annotations

from collector.errors import StoreFailed
from collector.hours import COUNT_EARLIER
from collector.postgres.connection import Connection

_LOCK = 0x6D696772  # any number, the same in every collector process

# Keys lead with the kiosk, so that the tables can be spread over servers by it. Identity numbers are per table.
_FIRST = """
CREATE TABLE kiosk (
    name text PRIMARY KEY, epoch bigint NOT NULL, record_key bytea NOT NULL,
    next_seq bigint NOT NULL, head bytea NOT NULL
);
CREATE TABLE epoch (
    kiosk text NOT NULL, epoch bigint NOT NULL, record_key bytea NOT NULL, reason text NOT NULL,
    authorised_by text NOT NULL, proof bytea NOT NULL, opened_at_ns bigint NOT NULL,
    PRIMARY KEY (kiosk, epoch)
);
CREATE SEQUENCE record_number;
CREATE TABLE record (
    kiosk text NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL, record_id text COLLATE "C" NOT NULL,
    payload_sha256 bytea NOT NULL, size_bytes bigint NOT NULL, received_at_ns bigint NOT NULL,
    test integer NOT NULL, quarantined text NOT NULL, ciphertext_sha256 bytea NOT NULL, reissued integer NOT NULL,
    number bigint NOT NULL DEFAULT nextval('record_number'),
    PRIMARY KEY (kiosk, epoch, seq, received_at_ns)
) PARTITION BY RANGE (received_at_ns);
CREATE INDEX record_by_id ON record (record_id);
CREATE INDEX record_by_number ON record (number);
-- Every receipt names the quarantined records: without it each acknowledgement reads the kiosk's whole history.
CREATE INDEX record_in_quarantine ON record (kiosk, epoch, seq) WHERE quarantined <> '';
CREATE TABLE record_body (
    kiosk text NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL, received_at_ns bigint NOT NULL,
    cose_sign1 bytea NOT NULL, ciphertext bytea NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq, received_at_ns)
) PARTITION BY RANGE (received_at_ns);
-- Ciphertext does not compress: trying costs time only.
ALTER TABLE record_body ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
CREATE TABLE tombstone (
    kiosk text NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL, payload_sha256 bytea NOT NULL,
    statement bytea NOT NULL, received_at_ns bigint NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq)
);
CREATE TABLE checkpoint (
    kiosk text PRIMARY KEY, epoch bigint NOT NULL, next_seq bigint NOT NULL, statement bytea NOT NULL,
    received_at_ns bigint NOT NULL
);
CREATE TABLE token (
    sha256 bytea NOT NULL, kiosk text NOT NULL, epoch bigint NOT NULL, issued_for text NOT NULL,
    expires_at_ns bigint NOT NULL, used_at_ns bigint,
    PRIMARY KEY (kiosk, sha256)
);
CREATE TABLE alarm (
    number bigint GENERATED ALWAYS AS IDENTITY, kiosk text NOT NULL, epoch bigint NOT NULL, code text NOT NULL,
    detail text NOT NULL, raised_at_ns bigint NOT NULL,
    PRIMARY KEY (kiosk, number)
);
CREATE INDEX alarm_by_number ON alarm (number);
"""
# Counted while records are stored: the kiosk's row is locked then, and no other kiosk's is.
_SECOND = f"""
CREATE TABLE hourly (
    kiosk text NOT NULL, hour bigint NOT NULL, stored bigint NOT NULL, quarantined bigint NOT NULL,
    newest_at_ns bigint NOT NULL,
    PRIMARY KEY (kiosk, hour)
);
{COUNT_EARLIER};
"""
STEPS = (_FIRST, _SECOND)


def migrate(connection: Connection) -> int:
    """Bring the schema to this version and return how many steps that took. Raises StoreFailed for a newer schema."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("CREATE TABLE IF NOT EXISTS schema_step (number integer PRIMARY KEY)")
        done = _steps_done(connection)
        _refuse_newer(done)
        for number, step in enumerate(STEPS[done:], done + 1):
            connection.execute(step.encode())
            connection.execute("INSERT INTO schema_step VALUES (%s)", (number,))
    return len(STEPS) - done


def require_current(connection: Connection) -> None:
    """Raise StoreFailed unless the schema is the one of this version."""
    found = connection.execute("SELECT to_regclass('schema_step')").fetchone()
    if found is None or found[0] is None:
        raise StoreFailed("the data base holds no store: `collector migrate`")
    done = _steps_done(connection)
    _refuse_newer(done)
    if done < len(STEPS):
        raise StoreFailed(f"schema step {done} of {len(STEPS)}: `collector migrate`")


def _steps_done(connection: Connection) -> int:
    found = connection.execute("SELECT coalesce(max(number), 0) FROM schema_step").fetchone()
    return int(found[0]) if found else 0


def _refuse_newer(done: int) -> None:
    if done > len(STEPS):
        raise StoreFailed(f"schema step {done} is of a newer version than this collector's ({len(STEPS)})")
