"""The bytes of records in the data base."""

from __future__ import annotations

from collections.abc import Sequence

from agent.proto.stream import SealedRecord
from collector.errors import StoreFailed
from collector.postgres.rows import Rows
from collector.store import StoredRecord

_COLUMNS = "kiosk, epoch, seq, received_at_ns, cose_sign1, ciphertext"
_TYPES = ("text", "int8", "int8", "int8", "bytea", "bytea")
# INSERT sends each value as a parameter, COPY as a row of its own: from so many records on COPY is quicker.
COPY_FROM = 2


def write(rows: Rows, stored: Sequence[StoredRecord], records: Sequence[SealedRecord]) -> None:
    """Add the bytes of records; they are durable with the transaction's commit."""
    if len(records) < COPY_FROM:
        for row, record in zip(stored, records, strict=True):
            statement = f"INSERT INTO record_body ({_COLUMNS}) VALUES (%s, %s, %s, %s, %b, %b)"  # noqa: S608 # our own column names
            rows.cursor.execute(statement.encode(), _values(row, record))
        return
    with rows.cursor.copy(f"COPY record_body ({_COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.set_types(_TYPES)
        for row, record in zip(stored, records, strict=True):
            copy.write_row(_values(row, record))


def read(rows: Rows, stored: StoredRecord) -> SealedRecord:
    """Return a record's bytes; whether they are those that were signed is for whoever opens it. Raises StoreFailed."""
    values = (stored.kiosk, stored.epoch, stored.seq, stored.received_at_ns)
    statement = (
        "SELECT cose_sign1, ciphertext FROM record_body "
        "WHERE kiosk = %s AND epoch = %s AND seq = %s AND received_at_ns = %s"
    )
    found = rows.cursor.execute(statement, values, binary=True).fetchone()
    if found is None:
        raise StoreFailed(f"{stored.kiosk}, epoch {stored.epoch}, seq {stored.seq:012d}: its bytes are not there")
    return SealedRecord(stored.seq, found[0], found[1])


def _values(row: StoredRecord, record: SealedRecord) -> tuple[object, ...]:
    return row.kiosk, row.epoch, row.seq, row.received_at_ns, record.cose_sign1, record.ciphertext
