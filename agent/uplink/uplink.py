"""Moves the queue to the collector over one mTLS stream: resume by offset, purge only on a valid receipt."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock

import grpc
import structlog

from agent.proto.stream import Ack, Checkpoint, EpochStart, Open, Placed, Resume, SealedRecord
from agent.queue import HeadMismatch, NoSuchRecord, Queue, RecordLost
from agent.sealing import ReceiptKeys, RecordKey, SealingError, verify_receipt, verify_record
from agent.uplink.addresses import BACK_AFTER_S, Addresses
from agent.uplink.backoff import Backoff
from agent.uplink.channel import TlsFiles, file_identity, open_channel
from agent.uplink.diagnosis import diagnose
from agent.uplink.errors import (
    CollectorDown,
    CollectorFailed,
    CollectorSilent,
    Forked,
    KioskRefused,
    OwnRecordBroken,
    ReceiptNotBelieved,
    UplinkError,
)
from agent.uplink.pace import Pace, Pacing
from agent.uplink.scout import Scout
from agent.uplink.state import UplinkState
from agent.uplink.statements import Statements
from agent.uplink.stream import MovesOn, Patience, Silent, Start, Stream
from agent.uplink.sync import Centre, Syncing
from agent.words import KioskError

log = structlog.get_logger()

# What gRPC itself says when there is no connection; everything else comes from a program at the other end.
NO_CONNECTION = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
MAX_SAID = 300
# Between one collector and the next: not all kiosks at the same moment.
HOP_S = 0.5


class Uplink:
    """One kiosk's way to the collector. `run` blocks until cancelled; `state` may be read from any thread."""

    def __init__(
        self,
        *,
        queue: Queue,
        kiosk: str,
        addresses: Sequence[str],
        tls: TlsFiles,
        receipt_keys: ReceiptKeys,
        record_key: RecordKey,
        epoch_start: EpochStart | None = None,
        proxy: str = "",
        pacing: Pacing | None = None,
        back_after_s: float = BACK_AFTER_S,
        centre: Centre | None = None,
        jitter: Callable[[], float] = random.random,
        wall_ns: Callable[[], int] = time.time_ns,
        patience: Patience | None = None,
    ) -> None:
        """`addresses`: host:port of each collector, the preferred one first; `proxy`: http://host:port or nothing."""
        self._queue, self._kiosk, self._tls, self._proxy = queue, kiosk, tls, proxy
        self._addresses = Addresses(addresses, back_after_s)
        self._receipt_keys, self._record_key = receipt_keys, record_key
        self._backoff, self._jitter, self._wall_ns = Backoff(jitter), jitter, wall_ns
        self._pace = Pace(pacing or Pacing(), self._collector_time_ns)
        self._scout = Scout(self._addresses.due_back, self._first_answers)
        self._statements, self._epoch_start = Statements(kiosk, record_key, wall_ns), epoch_start
        self._patience = patience or Patience()
        self._certificate = 0
        self._centre, self._lock = centre, Lock()
        self._state = UplinkState()
        self._cancelled = Event()

    @property
    def state(self) -> UplinkState:
        """What the uplink knows of itself now."""
        return self._state

    def run(self, cancelled: Event) -> None:
        """Keep the stream open until `cancelled`; after a fatal error stay away and keep the records."""
        self._cancelled = cancelled
        while not cancelled.is_set():
            error = self._attempt(cancelled)
            if cancelled.is_set():
                break
            if error is None:
                self._addresses.back()
                continue
            self._update(connected=False, last_error=error)
            log.warning("uplink.broken", code=error.code, detail=error.detail, address=self._addresses.current)
            if isinstance(error, UplinkError) and error.fatal:
                cancelled.wait()
                break
            cancelled.wait(self._wait_s())
        self._update(connected=False)

    def measured(self, collector_time_ns: int) -> None:
        """Note the collector's time, as a heartbeat's answer brings it."""
        offset = collector_time_ns - self._wall_ns()
        self._update(collector_offset_ns=offset, offset_measured_at_ns=time.monotonic_ns())

    def change(self, pacing: Pacing, receipt_keys: ReceiptKeys) -> None:
        """Follow a new policy and believe other receipt keys from now on."""
        self._receipt_keys = receipt_keys
        self._pace.change(pacing)

    def _wait_s(self) -> float:
        """Take the next address; wait long only when all have failed in a row."""
        if self._addresses.failed():
            return self._backoff.next_s()
        return self._jitter() * HOP_S

    def greeting(self) -> Open:
        """Return the stream's first message: where this kiosk stands."""
        position = self._queue.position
        return Open(self._kiosk, position.epoch, position.next_seq, position.head, self._epoch_start)

    def record(self, seq: int) -> Placed:
        """Read a record and check our own bytes before they are sent; a lost one gives its tombstone.

        Raises OwnRecordBroken, QueueError, or what the record key raises.
        """
        try:
            entry = self._queue.read(seq)
        except RecordLost as lost:
            log.error("uplink.record_lost", seq=seq, known=lost.known)
            return self._statements.tombstone(self._queue.position.epoch, self._queue.head_before(seq), lost)
        try:
            claims = verify_record(entry.cose_sign1, entry.ciphertext, self._record_key.public_key)
        except SealingError as error:
            raise OwnRecordBroken(f"seq {seq}: {error.code}") from error
        if (claims.seq, claims.payload_sha256) != (seq, entry.payload_sha256):
            raise OwnRecordBroken(f"seq {seq}: claims another place")
        return SealedRecord(seq, entry.cose_sign1, entry.ciphertext)

    def resumed(self, resume: Resume) -> Start:
        """Check the collector's position against ours and return where to go on; raise Forked."""
        position, start = self._queue.position, self._resume(resume)
        sent = resume.next_seq - 1 if resume.next_seq else None
        self._backoff.succeeded()
        self._addresses.succeeded()
        self._update(connected=True, last_error=None, sent_seq=sent)
        self.measured(resume.collector_time_ns)
        offset_ms = (self._state.collector_offset_ns or 0) // 10**6
        log.info("uplink.connected", next_seq=resume.next_seq, collector_offset_ms=offset_ms)
        return replace(start, before=(*start.before, self._statements.checkpoint(position)))

    def _resume(self, resume: Resume) -> Start:
        position, acknowledged = self._queue.position, self._queue.acknowledged
        if resume.next_seq > position.next_seq:
            raise Forked(f"collector expects seq {resume.next_seq}, kiosk has {position.next_seq}")
        if resume.next_seq < min(acknowledged, self._queue.oldest_kept):
            return self._skip_lost(resume.next_seq, min(acknowledged, self._queue.oldest_kept))
        if resume.head != self._queue.head_before(resume.next_seq):
            raise Forked(f"heads differ before seq {resume.next_seq}")
        if resume.next_seq < acknowledged:
            log.error("uplink.rewound", from_seq=resume.next_seq, acknowledged=acknowledged)
            self._update(rewound_to=resume.next_seq)
        return Start(resume.next_seq)

    def _skip_lost(self, first_seq: int, next_seq: int) -> Start:
        """Tell the collector that records it lost are purged here too, and go on behind them."""
        log.error("uplink.lost_at_collector", first_seq=first_seq, next_seq=next_seq)
        self._update(lost_at_collector=(*self._state.lost_at_collector, (first_seq, next_seq)), rewound_to=next_seq)
        head = self._queue.head_before(next_seq)
        lost = self._statements.lost_range(self._queue.position.epoch, first_seq, next_seq, head)
        return Start(next_seq, (lost,))

    def acknowledged(self, ack: Ack) -> None:
        """Believe an acknowledgement only with a receipt that names exactly our records; raise ReceiptNotBelieved."""
        try:
            receipt = verify_receipt(ack.receipt, self._receipt_keys)
        except SealingError as error:
            raise ReceiptNotBelieved(f"{error.code}: {error.detail}") from error
        named = (receipt.kiosk, receipt.epoch, receipt.through_seq, receipt.head)
        if named != (self._kiosk, self._queue.position.epoch, ack.through_seq, ack.head):
            raise ReceiptNotBelieved(f"for {receipt.kiosk} epoch {receipt.epoch} through {receipt.through_seq}")
        try:
            self._queue.acknowledge(receipt.through_seq, receipt.head, receipt.time_ns)
        except (HeadMismatch, NoSuchRecord) as error:
            raise ReceiptNotBelieved(f"seq {receipt.through_seq}: {error.code}") from error
        log.info("uplink.acknowledged", through_seq=receipt.through_seq)
        if receipt.quarantined != self._state.quarantined:
            self._update(quarantined=receipt.quarantined)
            log.warning("uplink.quarantined", seqs=list(receipt.quarantined))

    def pushed_back(self, wait_s: float) -> None:
        """Stay away at least so long if the stream ends now."""
        self._backoff.asked(wait_s)

    def sent(self, seq: int) -> None:
        """Note that a record was handed to the connection."""
        self._update(sent_seq=seq)

    def wait_for_record(self, seq: int, wait_s: float) -> bool:
        """Wait a moment for record `seq` to become durable; say whether it is there."""
        return self._queue.wait_for_append(seq - 1, wait_s)

    def checkpoint(self) -> Checkpoint:
        """Say where this kiosk stands, signed. Raises what the record key raises."""
        return self._statements.checkpoint(self._queue.position)

    def holds_back_s(self, size_bytes: int) -> float:
        """Say how long a record must still wait by the policy; 0 lets it go."""
        wait_s = self._pace.wait_s(size_bytes)
        quiet = wait_s > 0 and self._pace.quiet
        if quiet != self._state.quiet:
            self._update(quiet=quiet)
        return wait_s

    def moves_on(self) -> bool:
        """Say whether the first collector answers again, after a while with another one."""
        return self._scout.found()

    def outdated(self) -> bool:
        """Say whether the certificate's file was replaced since the connection began."""
        return self._certificate != file_identity(self._tls.certificate)

    def _first_answers(self) -> bool:
        answers = diagnose(self._addresses.first, self._tls, self._cancelled, proxy=self._proxy) is None
        if not answers:
            self._addresses.postpone()
        return answers

    def _collector_time_ns(self) -> int:
        return self._wall_ns() + (self._state.collector_offset_ns or 0)

    def _attempt(self, cancelled: Event) -> KioskError | None:
        """Connect and stay connected; return why that ended, None to go back to the first collector."""
        # Before the files are read: a change in between is seen one time too often rather than never.
        self._certificate = file_identity(self._tls.certificate)
        address = self._addresses.current
        self._update(address=address)
        try:
            channel = open_channel(address, self._tls, self._proxy)
            with Stream(self, channel, cancelled, self._patience) as stream, self._beside(channel):
                stream.run()
        except KioskError as error:
            return error
        except MovesOn:
            log.info("uplink.back_to_first", address=self._addresses.first)
            return None
        except Silent as silence:
            return self._explain(CollectorSilent(f"no {silence} came"), cancelled)
        except grpc.RpcError as failure:
            return self._explain(_as_error(failure), cancelled)
        except Exception as bug:
            # A bug here must not leave records behind for ever while the kiosk looks well. Only its type and place are
            # told: its message may hold anything.
            places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(bug.__traceback__)]
            log.error("uplink.bug", kind=type(bug).__name__, where=places)
            return UplinkError(type(bug).__name__)
        return UplinkError("cancelled")

    def _beside(self, channel: grpc.Channel) -> AbstractContextManager[object]:
        return nullcontext() if self._centre is None else Syncing(self._centre, channel)

    def _explain(self, error: UplinkError, cancelled: Event) -> UplinkError:
        """Ask the network for a deeper cause, unless a program at the other end has already named one."""
        if cancelled.is_set() or isinstance(error, CollectorFailed | KioskRefused):
            return error
        return diagnose(self._addresses.current, self._tls, cancelled, proxy=self._proxy) or error

    def _update(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type] # field names are the keywords


def _as_error(failure: grpc.RpcError) -> UplinkError:
    code = failure.code() if isinstance(failure, grpc.Call) else None
    said = (failure.details() if isinstance(failure, grpc.Call) else None) or type(failure).__name__
    if code is None or code in NO_CONNECTION:
        return CollectorDown(said[:MAX_SAID])
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return KioskRefused(said[:MAX_SAID])
    return CollectorFailed(f"{code.name}: {said[:MAX_SAID]}")
