"""Exporting as the command does, with the key at hand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from agent.custody.exporting import Export, Exported
from agent.custody.signing import sign_lost, sign_own
from agent.queue import QueueReader, Storage
from agent.transfer import ExportIndex
from tests.collector.world import KIOSK
from tests.uplink.kiosk import Kiosk

# Small files, so that every export has several.
PIECE_BYTES = 6000


@dataclass(frozen=True, slots=True)
class OwnSigner:
    """Key and queue are at hand."""

    kiosk: Kiosk
    reader: QueueReader

    def sign_export(self, index: ExportIndex) -> bytes:
        """Sign the index."""
        return sign_own(index, KIOSK, self.reader, self.kiosk.trust.record_key)

    def sign_lost(self, seq: int) -> bytes:
        """Sign a tombstone."""
        return sign_lost(seq, KIOSK, self.kiosk.queue, self.kiosk.trust.record_key, time.time_ns())


def export(kiosk: Kiosk, disk: Path, storage: Storage | None = None, piece_bytes: int = PIECE_BYTES) -> Exported | None:
    """Export what waits."""
    reader = QueueReader.open(kiosk.world.folder / "queue")
    work = Export(reader, KIOSK, disk, OwnSigner(kiosk, reader), time.time_ns, storage=storage, piece_bytes=piece_bytes)
    return work.run()
