"""Records that can no longer be read: what is left of their bytes, and what stands for them in the chain."""

from __future__ import annotations

from pathlib import Path

from agent.queue.errors import RecordLost
from agent.queue.layout import BLOCK, LostHeader, place_holder
from agent.queue.scan import Gap
from agent.queue.storage import Storage

FOLDER = "quarantine"


class Quarantine:
    """One file per damaged place. A record that is in here stays lost, so a record is never lost and sent as well."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self._folder = storage, folder / FOLDER
        self._lost: list[LostHeader] = []
        try:
            names = storage.names(self._folder)
        except FileNotFoundError:
            return
        self._lost = [lost for name in names if name.endswith(".kq") and (lost := self._read(name)) is not None]

    @property
    def seqs(self) -> list[int]:
        """The lost records, lowest first."""
        return sorted({seq for lost in self._lost for seq in range(lost.first_seq, lost.next_seq)})

    def find(self, seq: int) -> RecordLost | None:
        """Return the error for a record that is in here, or None."""
        lost = next((lost for lost in self._lost if lost.first_seq <= seq < lost.next_seq), None)
        if lost is None:
            return None
        stands_in = place_holder(lost.epoch, seq)
        payload_sha256 = lost.last_payload_sha256 if seq == lost.next_seq - 1 else stands_in
        return RecordLost(seq, payload_sha256, known=payload_sha256 != stands_in)

    def keep(self, epoch: int, gap: Gap, data: bytes) -> None:
        """Note durably that the records of a gap are lost, with the bytes found in their place; raise OSError."""
        lost = LostHeader(epoch, gap.first_seq, gap.next_seq, gap.last_payload_sha256, len(data))
        self._storage.make_folder(self._folder)
        path = self._folder / f"lost-{epoch:010d}-{gap.first_seq:014d}.kq"
        self._storage.write_new(path, [lost.pack(), data])
        self._lost = [*self._lost, lost]

    def _read(self, name: str) -> LostHeader | None:
        handle = self._storage.open(self._folder / name)
        try:
            return LostHeader.unpack(self._storage.read(handle, BLOCK, 0))
        finally:
            self._storage.close(handle)
