"""The one critical section: seal, sign and enqueue a record, so that a seq is used up only by a durable record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from agent.intake.record import SALT_BYTES, Setting, assemble
from agent.intake.visit import Stored, VisitFile
from agent.queue import Entry, Queue, RecordLost
from agent.sealing import ClockState, Core, RecipientKey, RecordKey, peek_record, seal_content, sign_record


@dataclass(slots=True)
class Submission:
    """Turns finished visits into durable records. Call it from any thread; records are made one after another."""

    queue: Queue
    record_key: RecordKey
    recipient: RecipientKey
    setting: Setting
    test: bool
    collector_offset_ns: Callable[[], int | None]
    random: Callable[[int], bytes] = os.urandom
    wall_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, file: VisitFile) -> Stored:
        """Store the visit as one record; on return it survives a power cut.

        Raises QueueError or SealingError; then nothing was stored and no seq was used up.
        """
        clock = ClockState(self.monotonic_ns(), self.collector_offset_ns())
        captured_at_ns = self.wall_ns()
        content = assemble(file, self.setting, self.random(SALT_BYTES), captured_at_ns, clock)
        core = Core(
            test=self.test,
            kiosk=self.setting.kiosk,
            record_id=content.record_id,
            recipient_key_id=self.recipient.key_id,
            manifest_sha256=content.manifest_sha256,
            captured_at_ns=captured_at_ns,
            clock=clock,
        )
        ciphertext = seal_content(content.content, core, self.recipient)
        with self._lock:
            position = self.queue.position
            signed = sign_record(core, position.epoch, position.next_seq, position.head, ciphertext, self.record_key)
            entry = Entry(
                signed.epoch,
                signed.seq,
                signed.prev,
                signed.payload_sha256,
                signed.cose_sign1,
                ciphertext,
                signed.ciphertext_sha256,
            )
            self.queue.append(entry)
        return Stored(content.record_id.hex(), signed.epoch, signed.seq, len(ciphertext))

    def newest_record_id(self) -> bytes | None:
        """Return the id of the last durable record, None before the first or when it is a tombstone's place."""
        position = self.queue.position
        if position.next_seq == 0:
            return None
        try:
            entry = self.queue.read(position.next_seq - 1)
        except RecordLost:
            # Damaged since: that person is taken in again, and the kiosk must not stand still for it.
            return None
        return peek_record(entry.cose_sign1).core.record_id
