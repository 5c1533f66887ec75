"""The acknowledged position: two alternating slots, so that a torn write leaves the older one."""

from __future__ import annotations

import os
from pathlib import Path

from agent.queue.errors import CorruptFrame
from agent.queue.layout import BLOCK, AckSlot
from agent.queue.storage import Storage


class AcknowledgedFile:
    """`slot` is the position that counts. The file is made in full at the start, so a full disk cannot stop an ack."""

    def __init__(self, storage: Storage, path: Path, epoch: int) -> None:
        self._storage = storage
        fresh = not path.exists()
        if fresh:
            scratch = path.with_suffix(".new")
            storage.create_zeroed(scratch, 2 * BLOCK)
            handle = storage.open(scratch)
            storage.write(handle, AckSlot(0, epoch, 0).pack(), 0)
            storage.sync_data(handle)
            os.close(handle)
            storage.rename(scratch, path)
        self._handle = storage.open(path)
        self.slot = self._newest(path)

    def advance(self, next_seq: int) -> None:
        """Write the new position into the slot that does not count now; raise OSError."""
        slot = AckSlot(self.slot.counter + 1, self.slot.epoch, next_seq)
        self._storage.write(self._handle, slot.pack(), (slot.counter % 2) * BLOCK)
        self._storage.sync_data(self._handle)
        self.slot = slot

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _newest(self, path: Path) -> AckSlot:
        slots = [AckSlot.unpack(os.pread(self._handle, BLOCK, place * BLOCK)) for place in (0, 1)]
        valid = [slot for slot in slots if slot is not None]
        if not valid:
            os.close(self._handle)
            raise CorruptFrame(f"{path.name}: no valid slot")
        return max(valid, key=lambda slot: slot.counter)
