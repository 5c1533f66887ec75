"""Exporting as the command does, with the key at hand."""

from __future__ import annotations

import time
from pathlib import Path

from agent.custody.exporting import Export, Exported
from agent.custody.signing import sign_own
from agent.queue import QueueReader, Storage
from tests.collector.world import KIOSK
from tests.uplink.kiosk import Kiosk

# Small files, so that every export has several.
PIECE_BYTES = 6000


def export(kiosk: Kiosk, disk: Path, storage: Storage | None = None, piece_bytes: int = PIECE_BYTES) -> Exported | None:
    """Export what waits."""
    reader = QueueReader.open(kiosk.world.folder / "queue")

    def sign(index: object) -> bytes:
        return sign_own(index, KIOSK, reader, kiosk.trust.record_key)  # type: ignore[arg-type] # an ExportIndex

    return Export(reader, KIOSK, disk, sign, time.time_ns, storage=storage, piece_bytes=piece_bytes).run()
