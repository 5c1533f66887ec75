"""What both stores do alike: the rows of kiosks, records, epochs, tokens and alarms."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import ClassVar, Self

from agent.proto.stream import SealedRecord
from collector import epoch_book, hours
from collector.errors import RegisteredOtherwise
from collector.hours import KioskTotal
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
    Rows,
    alarms,
    as_record,
    insert_record,
    insert_tombstones,
    move,
    position_row,
    raise_alarm,
)


class SqlStore(ABC):
    """Everything but where the bytes lie and what a transaction is; see RecordStore for what is promised."""

    # What orders records as they were stored.
    ORDER: ClassVar[str]
    # So many calls may run at the same time.
    calls_at_once: int = 1
    # Steps that opening with `create` took to bring the schema to this version.
    steps_taken: int = 0

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def lock_for_appending(self) -> int:
        """Make ready for `append`, remove what a crash left half done, and return how many files that was.

        Raises StoreInUse.
        """

    @abstractmethod
    def append(self, position: KioskPosition, items: Sequence[Item], received_at_ns: int) -> KioskPosition:
        """Store what follows `position`, all or none; return the new position. Raises PositionMoved or StoreFailed."""

    @abstractmethod
    def settle(self, position: KioskPosition) -> None:
        """Return when everything up to `position` is as safe as `append` makes it. Raises StoreFailed."""

    @abstractmethod
    def load(self, stored: StoredRecord) -> SealedRecord:
        """Return a record's bytes. Raises StoreFailed."""

    def register(self, kiosk: str, epoch: int, record_key: bytes, head: bytes) -> None:
        """Accept a new kiosk's record key; an equal one changes nothing, another one raises RegisteredOtherwise.

        A kiosk that is registered gets another key by a new epoch only.
        """
        with self._writing() as rows:
            rows.execute(
                "INSERT INTO kiosk VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING", (kiosk, epoch, record_key, head)
            )
            known = position_row(rows, kiosk)
            if known is None or (known.epoch, known.record_key) != (epoch, record_key):
                raise RegisteredOtherwise(f"{kiosk}, epoch {known.epoch}" if known is not None else kiosk)
            epoch_book.note_registration(rows, known, time.time_ns())

    def position(self, kiosk: str) -> KioskPosition | None:
        """Return where the kiosk's chain stands, or None when it is not registered."""
        with self._reading() as rows:
            return position_row(rows, kiosk)

    def _insert(self, rows: Rows, position: KioskPosition, row: StoredRecord) -> None:
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
            rows.execute("DELETE FROM checkpoint WHERE kiosk = ?", (position.kiosk,))
            values = (position.kiosk, position.epoch, next_seq, statement, now_ns)
            rows.execute("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", values)

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

    def kiosk_totals(self, recent_from: int) -> list[KioskTotal]:
        """Return the sums of each kiosk from which something came; `recent` from that hour on."""
        with self._reading() as rows:
            return hours.kiosk_totals(rows, recent_from)

    def hour_totals(self, first: int) -> list[tuple[int, int]]:
        """Return (hour, stored) of all kiosks together, from an hour on."""
        with self._reading() as rows:
            return hours.hour_totals(rows, first)

    def kiosks(self) -> list[str]:
        """Return the names of all registered kiosks."""
        with self._reading() as rows:
            return hours.kiosk_names(rows)

    def quarantined(self, kiosk: str, epoch: int) -> tuple[int, ...]:
        """Return the seqs in quarantine."""
        with self._reading() as rows:
            query = "SELECT seq FROM record WHERE kiosk = ? AND epoch = ? AND quarantined <> '' ORDER BY seq"
            return tuple(seq for (seq,) in rows.execute(query, (kiosk, epoch)))

    def records(self, limit: int) -> list[StoredRecord]:
        """Return the newest records first, by the order in which they were stored; reissued ones only once."""
        return self._select(f"WHERE reissued = 0 ORDER BY {self.ORDER} DESC LIMIT ?", max(0, limit))

    def every_record(self) -> list[StoredRecord]:
        """Return every row, reissued ones too, oldest first: for copies of the whole store."""
        return self._select(f"ORDER BY {self.ORDER}")

    def find(self, record_id_prefix: str) -> list[StoredRecord]:
        """Return at most ten records whose id (hex) starts so, oldest first."""
        prefix = record_id_prefix.lower()
        # "g" sorts behind every hexadecimal digit, and a range can use the index.
        return self._select(
            f"WHERE record_id >= ? AND record_id < ? AND reissued = 0 ORDER BY {self.ORDER} LIMIT 10",
            prefix,
            prefix + "g",
        )

    def _select(self, clause: str, *values: object) -> list[StoredRecord]:
        with self._reading() as rows:
            found = rows.execute(f"SELECT {RECORD_COLUMNS} FROM record {clause}", values).fetchall()  # noqa: S608 # our own clauses
        return [as_record(row) for row in found]

    @contextmanager
    def _moving(self, position: KioskPosition) -> Iterator[Rows]:
        """Change a kiosk's position, which must still be this one. Raises PositionMoved."""
        with self._writing() as rows:
            if self._held_position(rows, position.kiosk) != position:
                raise PositionMoved
            yield rows

    def _store_rows(
        self, rows: Rows, position: KioskPosition, new: Iterable[StoredRecord], items: Iterable[Item], now_ns: int
    ) -> None:
        stored = []
        for row in new:
            # One by one: two records of one batch may share an id.
            stored.append(_compared(rows, row))
            self._insert(rows, position, stored[-1])
        if stored:
            hours.count(rows, position.kiosk, stored, now_ns)
        insert_tombstones(rows, position, (item for item in items if isinstance(item, NewTombstone)), now_ns)

    def _held_position(self, rows: Rows, kiosk: str) -> KioskPosition | None:
        """Return the position, which nobody else moves before this transaction ends."""
        return position_row(rows, kiosk)

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Rows]:
        """One consistent view; other processes may write meanwhile. Raises StoreFailed."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Rows]:
        """All or nothing, and durable when it ends. Raises StoreFailed."""


def new_rows(position: KioskPosition, items: Iterable[Item], received_at_ns: int) -> list[StoredRecord]:
    """Return the rows of the records among `items`."""
    return [_row(position, item, received_at_ns) for item in items if isinstance(item, NewRecord)]


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


def _compared(rows: Rows, row: StoredRecord) -> StoredRecord:
    """Hold a record against those of the same id: the same one reissued, or another one under a used id."""
    query = "SELECT ciphertext_sha256 FROM record WHERE record_id = ? AND quarantined = ''"
    before = {ciphertext for (ciphertext,) in rows.execute(query, (row.record_id.hex(),))}
    if not before or row.quarantined:
        return row
    if row.ciphertext_sha256 in before:
        return replace(row, reissued=True)
    return replace(row, quarantined="record id is used by another record")
