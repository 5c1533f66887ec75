"""The acknowledged position: two alternating slots, so that a torn write leaves the older one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.queue.layout import BLOCK, AckSlot
from agent.queue.storage import Storage

NAME = "acknowledged"


class AcknowledgedFile:
    """`slot` is the position that counts. The file is made in full at the start, so a full disk cannot stop an ack."""

    def __init__(self, storage: Storage, path: Path, slot: AckSlot) -> None:
        self._storage, self._path = storage, path
        self._handle = -1
        self.slot = slot

    @classmethod
    def load(cls, storage: Storage, path: Path) -> AckSlot | None:
        """Return the newest valid slot, or None when there is none or no file. Raises OSError."""
        try:
            handle = storage.open(path)
        except FileNotFoundError:
            return None
        try:
            slots = [AckSlot.unpack(storage.read(handle, BLOCK, place * BLOCK)) for place in (0, 1)]
        finally:
            storage.close(handle)
        return max((slot for slot in slots if slot is not None), key=lambda slot: slot.counter, default=None)

    def on_disk(self) -> AckSlot | None:
        """Return the position as the disk has it now, which another process may have moved. Raises OSError."""
        return self.load(self._storage, self._path)

    def advance(self, next_seq: int, head: bytes, bytes_before: int) -> None:
        """Make a position durable; raise OSError, then the old one counts."""
        slot = AckSlot(self.slot.counter + 1, self.slot.epoch, next_seq, head, bytes_before)
        if self._handle < 0:
            self._replace(slot)
        else:
            try:
                self._storage.write(self._handle, [slot.pack()], (slot.counter % 2) * BLOCK)
                self._storage.sync_data(self._handle)
            except OSError:
                # Never sync that file again: a failed sync may have dropped what was written.
                self.close()
                self._replace(slot)
        self.slot = slot

    def confirm(self) -> None:
        """Write the position once more: proof that the disk takes a write and a sync now. Raises OSError."""
        self.advance(self.slot.next_seq, self.slot.head, self.slot.bytes_before)

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            with suppress(OSError):
                self._storage.close(self._handle)
            self._handle = -1

    def _replace(self, slot: AckSlot) -> None:
        pieces = [replace(slot, counter=slot.counter - 1).pack(), slot.pack()]
        self._storage.write_new(self._path, pieces if slot.counter % 2 else pieces[::-1])
        self._handle = self._storage.open(self._path, writing=True)
