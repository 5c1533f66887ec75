"""The one critical section: seal, sign and enqueue a record, so that a seq is used up only by a durable record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import structlog

from agent.intake.discards import Discards
from agent.intake.errors import RecordTooLarge, TooManyWaiting
from agent.intake.record import SALT_BYTES, Content, Moment, Setting, assemble
from agent.intake.visit import Stored, VisitFile
from agent.queue import Entry, Queue, RecordLost
from agent.sealing import ClockState, Core, RecipientKeys, RecordKey, peek_record, seal_content, sign_record

log = structlog.get_logger()

PEOPLE_IN_PROGRESS = 1


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Collector time minus the kiosk's wall clock, and when it was measured by CLOCK_MONOTONIC; nanoseconds."""

    offset_ns: int
    measured_at_ns: int


@dataclass(slots=True)
class Submission:
    """Turns finished visits into durable records. Call it from any thread; records are made one after another."""

    queue: Queue
    record_key: RecordKey
    recipients: RecipientKeys
    setting: Setting
    test: bool
    collector_offset: Callable[[], ClockOffset | None]
    discards: Discards
    random: Callable[[int], bytes] = os.urandom
    wall_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, file: VisitFile) -> Stored:
        """Store the visit as one record; on return it survives a power cut.

        Raises RecordTooLarge, QueueError or SealingError; then nothing was stored and no seq was used up.
        """
        moment, discards = self._moment(), self.discards.pending()
        content = assemble(file, self.setting, self.random(SALT_BYTES), moment, discards)
        core, ciphertext = self._seal(content, moment)
        self._require_allowed(len(ciphertext))
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
        try:
            self.discards.forget(discards)
        except OSError as error:
            # The record is durable; the next one carries the notes once more.
            log.error("visit.discards_not_forgotten", errno=error.errno)
        return Stored(content.record_id.hex(), signed.epoch, signed.seq, len(ciphertext))

    def ensure_room(self) -> None:
        """Ask before a visit starts: raises TooManyWaiting, or the queue's NoRoom or DiskFailing."""
        limit = self.setting.rules.policy.queue.max_waiting_records
        if limit is not None and (waiting := self.queue.status().pending_records) >= limit:
            raise TooManyWaiting(f"{waiting} wait, {limit} allowed")
        self.queue.ensure_room(PEOPLE_IN_PROGRESS)

    def _require_allowed(self, size: int) -> None:
        limit = self.setting.rules.policy.queue.max_record_bytes
        if limit is not None and size > limit:
            raise RecordTooLarge(f"{size} bytes, {limit} allowed")

    def _moment(self) -> Moment:
        now_ns, offset = self.monotonic_ns(), self.collector_offset()
        age_ns = None if offset is None else max(0, now_ns - offset.measured_at_ns)
        clock = ClockState(now_ns, None if offset is None else offset.offset_ns)
        return Moment(self.wall_ns(), clock, age_ns)

    def _seal(self, content: Content, moment: Moment) -> tuple[Core, bytes]:
        recipient = self.recipients.current(moment.wall_ns)
        core = Core(
            test=self.test,
            kiosk=self.setting.kiosk,
            record_id=content.record_id,
            recipient_key_id=recipient.key_id,
            manifest_sha256=content.manifest_sha256,
            captured_at_ns=moment.wall_ns,
            clock=moment.clock,
        )
        return core, seal_content(content.content, core, recipient)

    def newest_record_id(self) -> bytes | None:
        """Return the id of the last durable record; None before the first, or when that record is lost."""
        position = self.queue.position
        if position.next_seq == 0:
            return None
        try:
            entry = self.queue.read(position.next_seq - 1)
        except RecordLost:
            # Damaged since: that person is taken in again, and the kiosk must not stand still for it.
            return None
        return peek_record(entry.cose_sign1).core.record_id
