"""Carrying records away on a disk while the network is gone: files of records first, the signed index last.

Every file is written, synced, renamed and its folder synced before the next one. Whatever stops an export, the next
one keeps the files that are whole and goes on behind them. Nothing in the queue changes.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.custody.errors import ExportBusy, ExportDiskFailing, ExportDiskFull
from agent.queue import NoSuchRecord, QueueReader, Storage
from agent.transfer import (
    Carried,
    CarriedItem,
    CarriedTombstone,
    ExportFolder,
    ExportIndex,
    Piece,
    TransferError,
    folder_name,
    pack_piece,
)
from agent.transfer.folder import INDEX
from agent.transfer.index import MAX_PIECE_BYTES, PIECE_NAME
from agent.transfer.piece import ENTRY_BYTES

# A file is closed when either is reached; disks that are carried may be FAT, and one write takes 1024 parts.
PIECE_BYTES = 32 * 2**20
PIECE_RECORDS = 256
FULL = {errno.ENOSPC, errno.EDQUOT}
# For folders, names and the index itself.
SLACK_BYTES = 2**20


class Signer(Protocol):
    """Whoever holds record key and queue. Both may raise KioskError."""

    def sign_export(self, index: ExportIndex) -> bytes:
        """Sign the index of an export of our own records."""
        ...

    def sign_lost(self, seq: int) -> bytes:
        """Sign the tombstone of a record that the queue cannot read."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What is on the disk now. `kept` files were whole from an earlier attempt.

    `lost` records could not be read: their tombstones are carried in their place.
    """

    folder: Path
    records: int
    bytes: int
    pieces: int
    kept: int
    lost: tuple[int, ...]


class Export:
    """One export of the records that are not acknowledged; `written` is called with the seq behind each file."""

    def __init__(
        self,
        reader: QueueReader,
        kiosk: str,
        disk: Path,
        signer: Signer,
        clock: Callable[[], int],
        written: Callable[[int], None] = lambda _: None,
        storage: Storage | None = None,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        self._reader, self._kiosk, self._signer, self._clock = reader, kiosk, signer, clock
        self._written, self._storage, self._piece_bytes = written, storage or Storage(), piece_bytes
        self._lost: list[int] = []
        self.folder = disk / folder_name(kiosk)

    def run(self) -> Exported | None:
        """Write everything; None when nothing waits.

        Raises ExportDiskFull, ExportDiskFailing, ExportBusy, and what the queue and `sign` raise.
        """
        if self._reader.acknowledged >= self._reader.next_seq:
            return None
        try:
            self._make_folder()
            lock = self._storage.lock(self.folder / "lock")
        except BlockingIOError as error:
            raise ExportBusy(f"{self.folder}: {error.strerror}") from error
        except OSError as error:
            raise self._explained(error) from error
        try:
            return self._write_all()
        except OSError as error:
            raise self._explained(error) from error
        finally:
            self._storage.close(lock)

    def _write_all(self) -> Exported:
        kept = self._whole_pieces()
        pieces = list(kept)
        for piece in kept:
            self._written(piece.next_seq)
        self._require_room(pieces[-1].next_seq if pieces else self._reader.acknowledged)
        for items in self._groups(pieces[-1].next_seq if pieces else self._reader.acknowledged):
            pieces.append(self._write_piece(items))
            self._written(pieces[-1].next_seq)
        first_seq, next_seq = pieces[0].first_seq, pieces[-1].next_seq
        head, lost = self._reader.head_before(next_seq), tuple(self._lost)
        index = ExportIndex(
            self._kiosk, self._reader.epoch, first_seq, next_seq, head, lost, tuple(pieces), max(0, self._clock())
        )
        self._storage.write_new(self.folder / INDEX, [self._signer.sign_export(index)])
        self._remove_others(pieces)
        size = sum(piece.size_bytes for piece in pieces)
        return Exported(self.folder, next_seq - first_seq - len(lost), size, len(pieces), len(kept), lost)

    def _groups(self, from_seq: int) -> Iterator[list[CarriedItem]]:
        """Yield what goes into each file to write."""
        items, size = list[CarriedItem](), 0
        for seq in range(from_seq, self._reader.next_seq):
            item = self._item(seq)
            items.append(item)
            size += _bytes_of(item)
            if size >= self._piece_bytes or len(items) >= PIECE_RECORDS:
                yield items
                items, size = [], 0
        if items:
            yield items

    def _item(self, seq: int) -> CarriedItem:
        entry = self._reader.read(seq)
        if entry is not None:
            return Carried(seq, entry.cose_sign1, entry.ciphertext)
        tombstone = self._signer.sign_lost(seq)
        self._lost.append(seq)
        return CarriedTombstone(seq, tombstone)

    def _write_piece(self, items: list[CarriedItem]) -> Piece:
        first_seq, next_seq = items[0].seq, items[-1].seq + 1
        name = f"records-{self._reader.epoch:010d}-{first_seq:014d}.kqx"
        parts = pack_piece(items)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        self._storage.write_new(self.folder / name, parts)
        return Piece(name, sum(map(len, parts)), digest.digest(), first_seq, next_seq)

    def _whole_pieces(self) -> list[Piece]:
        """Return the files of an earlier attempt that hold our records without a gap, as far as they go."""
        found = list[Piece]()
        for name in sorted(filter(PIECE_NAME.fullmatch, self._storage.names(self.folder))):
            piece = self._whole_piece(name)
            if piece is None or (found and piece.first_seq != found[-1].next_seq):
                break
            if not found and not piece.first_seq <= self._reader.acknowledged < piece.next_seq:
                continue
            found.append(piece)
        return found

    def _whole_piece(self, name: str) -> Piece | None:
        """Return what a file holds when every record in it is ours, read back from the disk."""
        path = self.folder / name
        size = path.lstat().st_size
        if size > MAX_PIECE_BYTES:
            return None
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest = hashlib.sha256(data).digest()
        try:
            records = ExportFolder(self.folder).records(Piece(name, size, digest, 0, 0))
            ours = all(self._is_ours(record) for record in records)
        except (TransferError, NoSuchRecord, OSError):
            return None
        return _spanned(name, size, digest, records) if ours else None

    def _is_ours(self, item: CarriedItem) -> bool:
        """Compare with the queue, byte for byte; a tombstone is signed anew and its file with it."""
        if not isinstance(item, Carried) or not self._reader.kept(item.seq):
            return False
        entry = self._reader.read(item.seq)
        return entry is not None and (entry.cose_sign1, entry.ciphertext) == (item.cose_sign1, item.ciphertext)

    def _require_room(self, from_seq: int) -> None:
        need = SLACK_BYTES + sum(
            (listed.size_bytes or 0) + len(listed.cose_sign1) + ENTRY_BYTES for listed in self._reader.listed(from_seq)
        )
        free = self._storage.free_bytes(self.folder)
        if free < need:
            raise ExportDiskFull(f"{self.folder}: {free} bytes free, {need} needed")

    def _remove_others(self, pieces: list[Piece]) -> None:
        """Remove files of records that the new index does not name."""
        names = {piece.name for piece in pieces}
        for name in self._storage.names(self.folder):
            if (PIECE_NAME.fullmatch(name) and name not in names) or name.endswith(".new"):
                self._storage.remove(self.folder / name)

    def _make_folder(self) -> None:
        """Make our folder; unlike the queue's it need not be private: FAT knows no modes, and all is sealed."""
        if not self.folder.is_dir():
            os.mkdir(self.folder, 0o700)
            self._storage.sync_folder(self.folder.parent)

    def _explained(self, error: OSError) -> ExportDiskFull | ExportDiskFailing:
        kind = ExportDiskFull if error.errno in FULL else ExportDiskFailing
        return kind(f"{self.folder}: {error.strerror}")


def _bytes_of(item: CarriedItem) -> int:
    return ENTRY_BYTES + len(item.cose_sign1) + (len(item.ciphertext) if isinstance(item, Carried) else 0)


def _spanned(name: str, size: int, digest: bytes, records: list[CarriedItem]) -> Piece | None:
    """Return the piece if its records follow one another from the seq in its name on."""
    first_seq = int(name.split("-")[2].partition(".")[0])
    seqs = [record.seq for record in records]
    if not seqs or seqs != list(range(first_seq, first_seq + len(seqs))):
        return None
    return Piece(name, size, digest, first_seq, seqs[-1] + 1)
