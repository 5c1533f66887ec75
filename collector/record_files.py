"""Records as files: on stable storage when `write` returns, and never written over by another record."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from agent.opening import ENDING, pack_record, parse_record
from agent.proto.stream import SealedRecord
from collector.errors import StoreFailed
from collector.store import StoredRecord

SCRATCH = ".new"
# Enough of the payload's hash to keep two records under one number apart.
HASH_DIGITS = 16


class RecordFiles:
    """Folder: `<kiosk>/<epoch>/<seq>-<start of the payload's hash>.record`. Methods raise StoreFailed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Folders whose own entries this process has synced: a folder that is merely there may still be lost.
        self._durable: set[Path] = set()

    def write(self, rows: Sequence[StoredRecord], records: Sequence[SealedRecord]) -> None:
        """Write the records of one kiosk and epoch; on return they survive a power cut."""
        paths = [self.path(row) for row in rows]
        try:
            self._make(paths[0].parent)
            for path, record in zip(paths, records, strict=True):
                _write_synced(path.with_suffix(SCRATCH), pack_record(record))
            for path in paths:
                path.with_suffix(SCRATCH).replace(path)
            sync_folder(paths[0].parent)
        except OSError as error:
            raise StoreFailed(f"{self._folder}: {error.strerror}") from error

    def read(self, stored: StoredRecord) -> SealedRecord:
        """Return a record; whether it is the one that was signed is for whoever opens it to check."""
        path = self.path(stored)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreFailed(f"{path}: {error.strerror}") from error
        record = parse_record(data)
        if record is None:
            raise StoreFailed(f"{path}: not a record")
        return record

    def path(self, stored: StoredRecord) -> Path:
        """Return where a record is kept."""
        name = f"{stored.seq:012d}-{stored.payload_sha256.hex()[:HASH_DIGITS]}{ENDING}"
        return self._chain(stored.kiosk, stored.epoch) / name

    def remove_unacknowledged(self, next_seqs: Mapping[tuple[str, int], int]) -> int:
        """Remove what a crash left before its row was committed; `next_seqs` by kiosk and epoch. Return how many.

        Only for the process that alone appends to this store.
        """
        try:
            left = [path for chain, seq in next_seqs.items() for path in _left_over(self._chain(*chain), seq)]
            for path in left:
                path.unlink()
        except OSError as error:
            raise StoreFailed(f"{self._folder}: {error.strerror}") from error
        return len(left)

    def _chain(self, kiosk: str, epoch: int) -> Path:
        return self._folder / kiosk / str(epoch)

    def _make(self, folder: Path) -> None:
        if folder in self._durable:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in (folder, *folder.parents[:3]):
            sync_folder(made)
        self._durable.add(folder)


def sync_folder(folder: Path) -> None:
    """Return when the folder's entries are on stable storage; raise OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _left_over(folder: Path, next_seq: int) -> Iterable[Path]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        number = path.name.partition("-")[0]
        if path.suffix == SCRATCH or (path.suffix == ENDING and number.isdecimal() and int(number) >= next_seq):
            yield path


def _write_synced(path: Path, parts: Iterable[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(handle, view) :]
        os.fdatasync(handle)
    finally:
        os.close(handle)
