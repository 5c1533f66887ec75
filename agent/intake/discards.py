"""Notes on visits that were cut off and discarded: kept on the disk until a record carries them to the collector."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import cbor2
import structlog

log = structlog.get_logger()

# A manifest has its limit; what is left over goes with the record after it.
NOTES_PER_RECORD = 100


@dataclass(frozen=True, slots=True)
class Discard:
    """One discarded visit; `visit_id` is empty when its journal could not be read. Time: Unix, in ns."""

    visit_id: str
    discarded_at_ns: int
    stages: tuple[str, ...]
    operator_name: str
    operator_authenticated_by: str


class Discards:
    """One small file in `folder`, replaced as a whole. May be used from several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / "discarded"
        self._lock = Lock()

    def add(self, discard: Discard) -> None:
        """Keep a note; one for the same visit takes the place of the older one. Raises OSError."""
        with self._lock:
            others = [one for one in self._read() if not one.visit_id or one.visit_id != discard.visit_id]
            self._write([*others, discard])

    def pending(self) -> tuple[Discard, ...]:
        """Return the notes for the next record, oldest first."""
        with self._lock:
            return tuple(self._read()[:NOTES_PER_RECORD])

    def forget(self, discards: Iterable[Discard]) -> None:
        """Drop notes that a durable record carries. Raises OSError."""
        gone = set(discards)
        if gone:
            with self._lock:
                self._write([one for one in self._read() if one not in gone])

    def forget_visit(self, visit_id: str) -> None:
        """Drop the note of a visit that is gone on with after all. Raises OSError."""
        with self._lock:
            notes = self._read()
            others = [one for one in notes if one.visit_id != visit_id]
            if others != notes:
                self._write(others)

    def _read(self) -> list[Discard]:
        try:
            notes = cbor2.loads(self._path.read_bytes())
            return [Discard(**(note | {"stages": tuple(note["stages"])})) for note in notes]
        except FileNotFoundError:
            return []
        except (cbor2.CBORDecodeError, TypeError, KeyError, ValueError):
            # The log has every discard too; notes that cannot be read must not stop people from being taken in.
            log.error("visit.discards_unreadable", kept_as=f"{self._path.name}.bad")
            self._path.replace(self._path.with_suffix(".bad"))
            return []

    def _write(self, discards: list[Discard]) -> None:
        scratch = self._path.with_suffix(".new")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(cbor2.dumps([asdict(one) for one in discards]))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
