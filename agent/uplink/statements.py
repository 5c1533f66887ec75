"""What the uplink tells the collector besides records, signed by the record key."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.proto.stream import Checkpoint, LostAtCollector, Tombstone
from agent.queue import Position, RecordLost
from agent.sealing import (
    CheckpointClaims,
    LostRangeClaims,
    RecordKey,
    TombstoneClaims,
    sign_checkpoint,
    sign_lost_range,
    sign_tombstone,
)
from agent.sealing.statements import DAMAGED


@dataclass(frozen=True, slots=True)
class Statements:
    """Signs for one kiosk; all methods may raise what the key raises."""

    kiosk: str
    key: RecordKey
    wall_ns: Callable[[], int] = time.time_ns

    def tombstone(self, epoch: int, prev: bytes, lost: RecordLost) -> Tombstone:
        """Take the place of a lost record, after the one whose payload hashes to `prev`."""
        claims = TombstoneClaims(
            self.kiosk, epoch, lost.seq, prev, lost.payload_sha256, lost.known, DAMAGED, self._now_ns()
        )
        return Tombstone(lost.seq, sign_tombstone(claims, self.key))

    def checkpoint(self, position: Position) -> Checkpoint:
        """Say where the kiosk stands."""
        claims = CheckpointClaims(self.kiosk, position.epoch, position.next_seq, position.head, self._now_ns())
        return Checkpoint(position.next_seq, position.head, sign_checkpoint(claims, self.key))

    def lost_range(self, epoch: int, first_seq: int, next_seq: int, head: bytes) -> LostAtCollector:
        """Say that receipted records are gone at both ends."""
        claims = LostRangeClaims(self.kiosk, epoch, first_seq, next_seq, head, self._now_ns())
        return LostAtCollector(first_seq, next_seq, sign_lost_range(claims, self.key))

    def _now_ns(self) -> int:
        """Return the wall clock, however wrong: before 1970 counts as 1970."""
        return max(0, self.wall_ns())
