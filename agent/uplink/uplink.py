"""Moves the queue to the collector over one mTLS stream: resume by offset, purge only on a valid receipt."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Lock

import grpc
import structlog

from agent.proto.errors import MessageInvalid
from agent.proto.stream import (
    MAX_MESSAGE_BYTES,
    Ack,
    AppendCall,
    Open,
    Pushback,
    Reject,
    RejectCode,
    Request,
    Response,
    Resume,
    SealedRecord,
)
from agent.queue import HeadMismatch, Queue, QueueError
from agent.sealing import ReceiptKeys, RecordKey, SealingError, verify_receipt, verify_record
from agent.uplink.diagnosis import TlsFiles, diagnose
from agent.uplink.errors import (
    Forked,
    OwnRecordBroken,
    PositionUnknown,
    ReceiptNotBelieved,
    Rejected,
    UplinkError,
)
from agent.uplink.state import UplinkState
from agent.uplink.window import Window
from agent.words import KioskError

log = structlog.get_logger()

FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 30.0
# A server answers a faster keepalive with GOAWAY too_many_pings.
KEEPALIVE_MS = 60_000
POLL_S = 0.2


class Uplink:
    """One kiosk's way to the collector. `run` blocks until cancelled; `state` may be read from any thread."""

    def __init__(
        self,
        *,
        queue: Queue,
        kiosk: str,
        address: str,
        tls: TlsFiles,
        receipt_keys: ReceiptKeys,
        record_key: RecordKey,
        jitter: Callable[[], float] = random.random,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._queue, self._kiosk, self._address, self._tls = queue, kiosk, address, tls
        self._receipt_keys, self._record_key = receipt_keys, record_key
        self._jitter, self._wall_ns = jitter, wall_ns
        self._lock = Lock()
        self._state = UplinkState()

    @property
    def state(self) -> UplinkState:
        """What the uplink knows of itself now."""
        return self._state

    def run(self, cancelled: Event) -> None:
        """Keep the stream open until `cancelled`; after a fatal error stay away and keep the records."""
        attempt = 0
        while not cancelled.is_set():
            try:
                with Stream(self, cancelled) as stream:
                    attempt = 0 if stream.run() else attempt
                error: KioskError | None = None
            except (KioskError, grpc.RpcError) as failure:
                error = self._explain(failure)
            self._update(connected=False, last_error=error)
            if error is not None and not cancelled.is_set():
                log.warning("uplink.broken", code=error.code, detail=error.detail)
            if isinstance(error, UplinkError) and error.fatal:
                cancelled.wait()
                return
            # Full jitter: thousands of kiosks come back at once after an outage.
            cancelled.wait(self._jitter() * min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2**attempt))
            attempt = min(attempt + 1, 10)

    def open_channel(self) -> grpc.Channel:
        """Return a channel with mTLS to the collector."""
        try:
            files = [path.read_bytes() for path in (self._tls.ca, self._tls.key, self._tls.certificate)]
        except OSError as error:
            raise UplinkError(f"{error.filename}: {error.strerror}") from error
        options = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            # Waiting between attempts is ours: gRPC's own would hide the cause of the last failure.
            ("grpc.initial_reconnect_backoff_ms", 100),
        ]
        return grpc.secure_channel(self._address, grpc.ssl_channel_credentials(*files), options)

    def greeting(self) -> Open:
        """Return the stream's first message: where this kiosk stands."""
        position = self._queue.position
        return Open(self._kiosk, position.epoch, position.next_seq, position.head)

    def record(self, seq: int) -> SealedRecord:
        """Read a record and check our own bytes before they are sent; raise OwnRecordBroken."""
        entry = self._queue.read(seq)
        try:
            claims = verify_record(entry.cose_sign1, entry.ciphertext, self._record_key.public_key)
        except SealingError as error:
            raise OwnRecordBroken(f"seq {seq}: {error.code}") from error
        if (claims.seq, claims.payload_sha256) != (seq, entry.payload_sha256):
            raise OwnRecordBroken(f"seq {seq}: claims another place")
        return SealedRecord(seq, entry.cose_sign1, entry.ciphertext)

    def resumed(self, resume: Resume) -> int:
        """Check the collector's position against ours and return the seq to send from."""
        position, acknowledged = self._queue.position, self._queue.acknowledged
        if resume.next_seq > position.next_seq:
            raise Forked(f"collector expects seq {resume.next_seq}, kiosk has {position.next_seq}")
        if resume.next_seq < acknowledged:
            raise PositionUnknown(f"collector expects seq {resume.next_seq}, {acknowledged} are receipted")
        if resume.head != self._head_before(resume.next_seq):
            raise Forked(f"heads differ before seq {resume.next_seq}")
        offset = resume.collector_time_ns - self._wall_ns()
        self._update(connected=True, last_error=None, collector_offset_ns=offset, sent_seq=None)
        log.info("uplink.connected", next_seq=resume.next_seq, collector_offset_ms=offset // 10**6)
        return resume.next_seq

    def acknowledged(self, ack: Ack) -> None:
        """Believe an acknowledgement only with a receipt that names exactly our records; raise ReceiptNotBelieved."""
        try:
            receipt = verify_receipt(ack.receipt, self._receipt_keys)
        except SealingError as error:
            raise ReceiptNotBelieved(f"{error.code}: {error.detail}") from error
        epoch = self._queue.position.epoch
        if (receipt.kiosk, receipt.epoch, receipt.through_seq) != (self._kiosk, epoch, ack.through_seq):
            raise ReceiptNotBelieved(f"for {receipt.kiosk} epoch {receipt.epoch} through {receipt.through_seq}")
        try:
            self._queue.acknowledge(receipt.through_seq, receipt.head)
        except HeadMismatch as error:
            raise ReceiptNotBelieved(f"seq {receipt.through_seq}: another head") from error
        log.info("uplink.acknowledged", through_seq=receipt.through_seq, quarantined=list(receipt.quarantined))

    def sent(self, seq: int) -> None:
        """Note that a record was handed to the connection."""
        self._update(sent_seq=seq)

    def wait_for_record(self, seq: int) -> bool:
        """Wait a moment for record `seq` to become durable; say whether it is there."""
        return self._queue.position.next_seq > seq or self._queue.wait_for_append(seq - 1, POLL_S)

    def _head_before(self, seq: int) -> bytes:
        position = self._queue.position
        return position.head if seq == position.next_seq else self._queue.read(seq).prev

    def _explain(self, failure: KioskError | grpc.RpcError) -> KioskError:
        if isinstance(failure, KioskError):
            return failure
        said = failure.details() if isinstance(failure, grpc.Call) else ""
        return diagnose(self._address, self._tls, said or type(failure).__name__)

    def _update(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type] # field names are the keywords


class Stream:
    """One connection: a sender (in gRPC's thread) and a receiver (in ours) around one window."""

    def __init__(self, uplink: Uplink, cancelled: Event) -> None:
        self._uplink, self._cancelled = uplink, cancelled
        self._window = Window()
        self._resumed = Event()
        self._from_seq = 0
        self._sender_error: KioskError | None = None
        self._channel = uplink.open_channel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._window.close()
        self._channel.close()

    def run(self) -> bool:
        """Receive until the stream ends; say whether the collector had accepted it.

        Raises KioskError for what the collector or our own queue said, grpc.RpcError for a broken connection.
        """
        call = AppendCall(self._channel, self._requests())
        self._call = call
        try:
            for response in call:
                self._handle(response)
        except grpc.RpcError:
            if self._sender_error is not None:
                raise self._sender_error from None
            if not self._cancelled.is_set():
                raise
        finally:
            self._window.close()
        return self._resumed.is_set()

    def _requests(self) -> Iterator[Request]:
        yield self._uplink.greeting()
        while not self._resumed.wait(POLL_S):
            if self._over():
                return
        seq = self._from_seq
        while not self._over():
            if not self._uplink.wait_for_record(seq):
                continue
            record = self._next(seq)
            if record is None:
                return
            while not self._window.enter(seq, len(record.ciphertext), POLL_S):
                if self._over():
                    return
            self._uplink.sent(seq)
            yield record
            seq += 1

    def _over(self) -> bool:
        if self._cancelled.is_set():
            self._call.cancel()
        return self._cancelled.is_set() or self._window.closed

    def _next(self, seq: int) -> SealedRecord | None:
        try:
            return self._uplink.record(seq)
        except (QueueError, UplinkError) as error:
            # Raised in gRPC's thread it would be lost: keep it for the receiver and break the stream.
            self._sender_error = error
            self._call.cancel()
            return None

    def _handle(self, response: Response) -> None:
        match response:
            case Resume():
                self._from_seq = self._uplink.resumed(response)
                limits = response.limits
                self._window.limit(limits.max_records_in_flight, limits.max_bytes_in_flight)
                self._resumed.set()
            case Ack():
                self._uplink.acknowledged(response)
                self._window.leave(response.through_seq)
            case Pushback():
                self._window.pause(response.wait_ms / 1000)
            case Reject():
                raise _rejected(response)
            case _:
                raise MessageInvalid(type(response).__name__)


def _rejected(reject: Reject) -> UplinkError:
    detail = f"{reject.code.name.lower()}: seq {reject.seq}: {reject.reason}"
    match reject.code:
        case RejectCode.FORK:
            return Forked(detail)
        case RejectCode.UNKNOWN_EPOCH | RejectCode.OUT_OF_RANGE:
            return PositionUnknown(detail)
        case _:
            return Rejected(detail)
