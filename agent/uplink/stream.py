"""One connection: a sender (in gRPC's thread) and a receiver (in ours) around one window, and a watch over both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Thread
from typing import Protocol, TypeVar

import grpc

from agent.proto.errors import MessageInvalid
from agent.proto.stream import (
    Ack,
    AppendCall,
    Checkpoint,
    Limits,
    Open,
    Placed,
    Pushback,
    Reject,
    RejectCode,
    Request,
    Response,
    Resume,
    SealedRecord,
)
from agent.uplink.errors import (
    CertificateChanged,
    CollectorBusy,
    CollectorDown,
    EpochNotAuthorised,
    Forked,
    KioskNotRegistered,
    PositionUnknown,
    Rejected,
    TestRecordsRefused,
    UplinkError,
)
from agent.uplink.window import Window
from agent.words import KioskError

POLL_S = 0.2
# A cut tail must be noticed at the centre: so many records at most go without a checkpoint, none when it is quiet.
CHECKPOINT_EVERY = 64
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Patience:
    """When a silent collector is given up. A connection takes gRPC up to 20 s, a full window on a weak line long."""

    resume_s: float = 30.0
    ack_s: float = 60.0
    slowest_bytes_per_s: float = 8192.0

    def ack_within_s(self, bytes_in_flight: int) -> float:
        """Return how long an acknowledgement may take with so much on its way."""
        return self.ack_s + bytes_in_flight / self.slowest_bytes_per_s


class Silent(Exception):
    """The collector said nothing for too long; `args` say for what."""


class MovesOn(Exception):
    """The stream was ended on purpose, to talk to another collector."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to send from, and what to say before the first record."""

    from_seq: int
    before: tuple[Request, ...] = ()


class Course(Protocol):
    """What one connection asks of the uplink. All may raise KioskError."""

    def greeting(self) -> Open:
        """Where this kiosk stands."""
        ...

    def resumed(self, resume: Resume) -> Start:
        """Check the collector's position; return where to go on."""
        ...

    def acknowledged(self, ack: Ack) -> None:
        """Check and note a receipt."""
        ...

    def pushed_back(self, wait_s: float) -> None:
        """Note that the collector asked to wait."""
        ...

    def record(self, seq: int) -> Placed:
        """Read a durable record, or what takes its place."""
        ...

    def sent(self, seq: int) -> None:
        """Note that a record was handed to the connection."""
        ...

    def wait_for_record(self, seq: int, wait_s: float) -> bool:
        """Wait for a record to become durable."""
        ...

    def outdated(self) -> bool:
        """Say whether the certificate was replaced since the connection began."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Say where this kiosk stands, signed."""
        ...

    def holds_back_s(self, size_bytes: int) -> float:
        """Say how long a record must still wait by the policy; 0 lets it go."""
        ...

    def moves_on(self) -> bool:
        """Say whether another collector is to be talked to now."""
        ...


class Stream:
    """Use it as a context manager and call `run` once; after the `with` no thread of it touches the queue."""

    def __init__(self, course: Course, channel: grpc.Channel, cancelled: Event, patience: Patience) -> None:
        self._course, self._channel, self._cancelled, self._patience = course, channel, cancelled, patience
        self._window = Window()
        self._resumed = Event()
        self._reading = Lock()
        self._start = Start(0)
        self._started = time.monotonic()
        self._failure: KioskError | Silent | MovesOn | None = None
        self._pushback: Pushback | None = None

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        with self._reading:
            self._window.close()
        self._channel.close()

    def run(self) -> None:
        """Receive until the stream ends.

        Raises KioskError for what the collector or our own queue said, Silent, MovesOn, or grpc.RpcError for a broken
        connection. Returns only when it was cancelled.
        """
        call = AppendCall(self._channel, self._requests())
        watch = Thread(target=self._watch, args=(call,), name="uplink-watch")
        watch.start()
        try:
            for response in call:
                self._handle(response)
        except grpc.RpcError:
            if self._failure is None and not self._cancelled.is_set():
                raise
        finally:
            self._window.close()
            call.cancel()
            watch.join()
        if self._failure is not None:
            raise self._failure
        if not self._cancelled.is_set():
            reason = self._pushback
            raise CollectorBusy(reason.reason) if reason else CollectorDown("the collector ended the stream")

    def _watch(self, call: AppendCall) -> None:
        """Break the stream off when nobody wants it any more: gRPC's own calls can wait for ever."""
        while not self._window.closed:
            if self._cancelled.wait(POLL_S) or self._failure is not None:
                break
            waited_for = self._waits_too_long()
            if self._course.outdated():
                self._failure = CertificateChanged()
            elif waited_for:
                self._failure = Silent(waited_for)
            elif self._course.moves_on():
                self._failure = MovesOn()
        call.cancel()

    def _waits_too_long(self) -> str:
        if not self._resumed.is_set():
            return "Resume" if time.monotonic() - self._started > self._patience.resume_s else ""
        waited_s, size = self._window.waiting()
        return "Ack" if waited_s > self._patience.ack_within_s(size) else ""

    def _requests(self) -> Iterator[Request]:
        yield self._course.greeting()
        while not self._resumed.wait(POLL_S):
            if self._over():
                return
        yield from self._start.before
        yield from self._records(self._start.from_seq)

    def _records(self, seq: int) -> Iterator[Request]:
        since_checkpoint = 0
        while not self._over():
            there = self._course.wait_for_record(seq, POLL_S)
            if since_checkpoint >= (CHECKPOINT_EVERY if there else 1):
                checkpoint = self._from_queue(self._course.checkpoint)
                if checkpoint is None:
                    return
                yield checkpoint
                since_checkpoint = 0
            if not there:
                continue
            record = self._from_queue(partial(self._course.record, seq))
            if record is None or not self._enter(record):
                return
            self._course.sent(seq)
            yield record
            seq, since_checkpoint = seq + 1, since_checkpoint + 1

    def _over(self) -> bool:
        return self._cancelled.is_set() or self._window.closed

    def _from_queue(self, make: Callable[[], Made]) -> Made | None:
        with self._reading:
            if self._over():
                return None
            try:
                return make()
            except KioskError as error:
                # Raised in gRPC's thread it would be lost: the watch breaks the stream and the receiver raises it.
                self._failure = error
            except OSError as error:
                self._failure = UplinkError(f"reading the queue: {error.strerror}")
            return None

    def _enter(self, record: Placed) -> bool:
        size = len(record.ciphertext) if isinstance(record, SealedRecord) else len(record.cose_sign1)
        while (wait_s := self._course.holds_back_s(size)) > 0:
            if self._cancelled.wait(min(wait_s, POLL_S)) or self._over():
                return False
        while not self._window.enter(record.seq, size, POLL_S):
            if self._over():
                return False
        return True

    def _handle(self, response: Response) -> None:
        match response:
            case Resume() if not self._resumed.is_set():
                self._start = self._course.resumed(response)
                self._limit(response.limits)
                self._resumed.set()
            case Ack() if self._resumed.is_set():
                self._course.acknowledged(response)
                self._window.leave(response.through_seq)
            case Pushback():
                self._pushback = response
                self._window.pause(response.wait_ms / 1000)
                self._course.pushed_back(response.wait_ms / 1000)
            case Reject():
                raise _rejected(response)
            case _:
                raise MessageInvalid(f"{type(response).__name__} at the wrong time")

    def _limit(self, limits: Limits) -> None:
        self._window.limit(limits.max_records_in_flight, limits.max_bytes_in_flight)


def _rejected(reject: Reject) -> UplinkError:
    detail = f"{reject.code.name.lower()}: seq {reject.seq}: {reject.reason}"
    match reject.code:
        case RejectCode.FORK:
            return Forked(detail)
        case RejectCode.UNKNOWN_EPOCH | RejectCode.OUT_OF_RANGE:
            return PositionUnknown(detail)
        case RejectCode.EPOCH_NOT_AUTHORISED:
            return EpochNotAuthorised(detail)
        case RejectCode.UNKNOWN_KIOSK:
            return KioskNotRegistered(detail)
        case RejectCode.TEST_RECORD:
            return TestRecordsRefused(detail)
        case _:
            return Rejected(detail)
