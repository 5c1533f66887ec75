"""The folder of one kiosk's export, as a reader meets it: nothing in it is believed before it was checked."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from agent.transfer.errors import ExportDamaged, ExportIncomplete, ExportUnreadable
from agent.transfer.index import Piece
from agent.transfer.piece import CarriedItem, unpack_piece

INDEX = "index.cose"
RECEIPT = "receipt.cose"
PREFIX = "kiosk-export-"
MAX_INDEX_BYTES = 16 * 2**20
MAX_RECEIPT_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """One kiosk's records on a disk."""

    path: Path

    def index(self) -> bytes:
        """Return the signed index. Raises ExportIncomplete or ExportUnreadable."""
        try:
            return _read(self.path / INDEX, MAX_INDEX_BYTES)
        except FileNotFoundError as error:
            raise ExportIncomplete(f"{self.path}: no {INDEX}") from error

    def receipt(self) -> bytes | None:
        """Return the collector's receipt, None before it was there. Raises ExportUnreadable."""
        try:
            return _read(self.path / RECEIPT, MAX_RECEIPT_BYTES)
        except FileNotFoundError:
            return None

    def records(self, piece: Piece) -> list[CarriedItem]:
        """Return what a piece holds, its bytes checked against the index. Raises ExportDamaged or ExportUnreadable."""
        try:
            data = _read(self.path / piece.name, piece.size_bytes)
        except FileNotFoundError as error:
            raise ExportDamaged(f"{piece.name} is missing") from error
        if len(data) != piece.size_bytes or hashlib.sha256(data).digest() != piece.sha256:
            raise ExportDamaged(piece.name)
        return list(unpack_piece(data))


def folder_name(kiosk: str) -> str:
    """Return the name of a kiosk's folder on the disk."""
    return PREFIX + kiosk


def find_exports(folder: Path) -> list[ExportFolder]:
    """Return the exports in a folder: itself, or those of the kiosks in it. Raises ExportIncomplete or Unreadable."""
    try:
        if (folder / INDEX).exists():
            return [ExportFolder(folder)]
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.startswith(PREFIX) and entry.is_dir())
    except OSError as error:
        raise ExportUnreadable(f"{folder}: {error.strerror}") from error
    if not names:
        raise ExportIncomplete(f"{folder}: no {PREFIX}*")
    return [ExportFolder(folder / name) for name in names]


def _read(path: Path, most: int) -> bytes:
    """Read at most one byte more than `most`: a disk from outside may hold anything under this name."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ExportUnreadable(f"{path}: not a regular file")
            return file.read(most + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ExportUnreadable(f"{path}: {error.strerror}") from error
