"""Records that were carried here on a disk: the same judgement, storage and receipt as for the stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.proto.stream import Placed, SealedRecord, Tombstone
from agent.sealing import SealingError, public_key_from_point
from agent.transfer import (
    CarriedItem,
    CarriedTombstone,
    ExportDamaged,
    ExportFolder,
    ExportIndex,
    Piece,
    find_exports,
    parse_index,
)
from agent.transfer.folder import RECEIPT
from collector.arrivals import MAX_BATCH
from collector.config import CollectorConfig
from collector.errors import ImportRefused
from collector.record_files import sync_folder
from collector.server import make_service
from collector.service import CollectorService
from collector.sql_store import SqlStore
from collector.store import KioskPosition
from collector.stores import open_store


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one kiosk's export. `receipt_written` is False when the disk takes nothing: it is a copy only.

    `lost` are the numbers of records that the kiosk lost; their tombstones are not among `stored` and `known`.
    """

    kiosk: str
    stored: int
    known: int
    lost: tuple[int, ...]
    through_seq: int
    quarantined: tuple[int, ...]
    receipt_written: bool


def import_folder(config: CollectorConfig, folder: Path, seen: Callable[[str, int], None]) -> Iterator[Imported]:
    """Take in every kiosk's export in `folder`; `seen` is told kiosk and next seq after each file.

    Doing it again changes nothing. Raises StoreInUse while a collector serves from this store, TransferError,
    ImportRefused, and StoreFailed; what was stored before stays.
    """
    exports = find_exports(folder)
    with open_store(config) as store:
        store.lock_for_appending()
        service = make_service(config, store)
        try:
            for export in exports:
                yield _Import(store, service, export, seen).run()
        finally:
            service.close()


class _Import:
    def __init__(
        self, store: SqlStore, service: CollectorService, export: ExportFolder, seen: Callable[[str, int], None]
    ) -> None:
        self._store, self._service, self._export, self._seen = store, service, export, seen

    def run(self) -> Imported:
        index, position = self._believed()
        started_at, receipt = position.next_seq, b""
        for piece in index.pieces:
            for batch in _batches(self._arrivals(index, piece)):
                position, receipt = self._take(position, batch, receipt)
            self._seen(index.kiosk, piece.next_seq)
        stored = len(set(range(started_at, position.next_seq)).difference(index.lost))
        return Imported(
            kiosk=index.kiosk,
            stored=stored,
            known=index.next_seq - index.first_seq - len(index.lost) - stored,
            lost=index.lost,
            through_seq=position.next_seq - 1,
            quarantined=self._store.quarantined(position.kiosk, position.epoch),
            receipt_written=bool(receipt) and _write_receipt(self._export.path, receipt),
        )

    def _believed(self) -> tuple[ExportIndex, KioskPosition]:
        """Return the index, signed by the kiosk that it names, and where that kiosk stands."""
        data = self._export.index()
        try:
            kiosk = parse_index(data, None).kiosk
            position = self._store.position(kiosk)
            if position is None:
                raise ImportRefused(f"{kiosk} is not registered")
            index = parse_index(data, public_key_from_point(position.record_key))
        except SealingError as error:
            raise ExportDamaged(f"{self._export.path.name}: index: {error.code}") from error
        if index.epoch != position.epoch:
            raise ImportRefused(f"{kiosk}: epoch {index.epoch}, {position.epoch} is registered")
        return index, position

    def _arrivals(self, index: ExportIndex, piece: Piece) -> list[Placed]:
        """Return a piece's records and tombstones, which must be those that the index names."""
        carried = self._export.records(piece)
        if any(not piece.first_seq <= item.seq < piece.next_seq for item in carried):
            raise ExportDamaged(f"{piece.name}: a record of another number")
        if any(isinstance(item, CarriedTombstone) != (item.seq in index.lost) for item in carried):
            raise ExportDamaged(f"{piece.name}: lost records other than the index says")
        return [_arrival(item) for item in carried]

    def _take(self, position: KioskPosition, batch: list[Placed], receipt: bytes) -> tuple[KioskPosition, bytes]:
        taken = self._service.take(position, [*batch])
        if taken.refused is not None:
            reject = taken.refused.reject
            raise ImportRefused(f"{position.kiosk} seq {reject.seq}: {reject.code.name.lower()}: {reject.reason}")
        return taken.position, taken.ack.receipt if taken.ack is not None else receipt


def _arrival(item: CarriedItem) -> Placed:
    if isinstance(item, CarriedTombstone):
        return Tombstone(item.seq, item.cose_sign1)
    return SealedRecord(item.seq, item.cose_sign1, item.ciphertext)


def _batches(arrivals: list[Placed]) -> Iterator[list[Placed]]:
    for first in range(0, len(arrivals), MAX_BATCH):
        yield arrivals[first : first + MAX_BATCH]


def _write_receipt(folder: Path, receipt: bytes) -> bool:
    """Leave the receipt beside the records, so that the kiosk can have it without a network."""
    scratch = folder / f"{RECEIPT}.new"
    try:
        with open(scratch, "wb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600)) as file:
            file.write(receipt)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(folder / RECEIPT)
        sync_folder(folder)
    except OSError:
        # A disk that cannot be written still was imported.
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        return False
    return True
