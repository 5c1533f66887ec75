"""The stream beside the records: heartbeats up, bundles and announcements down, on the same connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Protocol, Self

import grpc
import structlog

from agent.proto.errors import MessageInvalid
from agent.proto.sync import (
    Announcement,
    AnnouncementShown,
    BundleOffer,
    BundleVerdict,
    Heard,
    Heartbeat,
    Hello,
    Request,
    Response,
    SyncCall,
)
from agent.words import KioskError

log = structlog.get_logger()

HEARTBEAT_S = 60.0
POLL_S = 0.2
AGAIN_S = 30.0


class Centre(Protocol):
    """What one kiosk tells the centre, and does with what it is told. Two threads call it at a time."""

    def hello(self) -> Hello:
        """Say who this is and which bundles it has."""
        ...

    def heartbeat(self) -> Heartbeat:
        """Say how the kiosk is."""
        ...

    def offered(self, offer: BundleOffer) -> BundleVerdict:
        """Take or refuse a bundle."""
        ...

    def told(self, announcement: Announcement) -> None:
        """Keep a message for the people here."""
        ...

    def heard(self, collector_time_ns: int) -> None:
        """Note the collector's time."""
        ...

    def settle(self) -> bool:
        """Take up what was kept, when it is possible now; say whether there is something new to tell at once."""
        ...


class Syncing:
    """Use it as a context manager around the stream of records; nothing that goes wrong here reaches that stream."""

    def __init__(self, centre: Centre, channel: grpc.Channel, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._centre, self._channel, self._heartbeat_s = centre, channel, heartbeat_s
        self._ended = Event()
        self._call: SyncCall | None = None
        self._outgoing: SimpleQueue[Request] | None = None
        self._threads = [Thread(target=work, name="uplink-sync") for work in (self._run, self._tick)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._call is not None:
            self._call.cancel()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._talk()
            except grpc.RpcError as failure:
                code = failure.code() if isinstance(failure, grpc.Call) else None
                if code is grpc.StatusCode.UNIMPLEMENTED:
                    # An older collector: records go on without it.
                    return
                log.info("sync.ended", code=code.name if code else "UNKNOWN")
            except KioskError as error:
                log.warning("sync.ended", code=error.code, detail=error.detail)
            except Exception as bug:
                # A fault here must not stop records; its message may hold anything, so only its type is told.
                log.error("sync.bug", kind=type(bug).__name__)
            finally:
                self._outgoing = None
            self._ended.wait(AGAIN_S)

    def _talk(self) -> None:
        outgoing: SimpleQueue[Request] = SimpleQueue()
        outgoing.put(self._centre.hello())
        self._call = SyncCall(self._channel, self._requests(outgoing))
        if self._ended.is_set():
            self._call.cancel()
        self._outgoing = outgoing
        for response in self._call:
            self._handle(response, outgoing)

    def _requests(self, outgoing: SimpleQueue[Request]) -> Iterator[Request]:
        while not self._ended.is_set() and self._outgoing in {None, outgoing}:
            with suppress(Empty):
                yield outgoing.get(timeout=POLL_S)

    def _tick(self) -> None:
        """Make heartbeats and take up what was kept, in a thread that ends with this object."""
        beaten_for, next_beat = None, 0.0
        while not self._ended.wait(POLL_S):
            outgoing, now = self._outgoing, time.monotonic()
            try:
                next_beat = now if self._centre.settle() else next_beat
                if outgoing is not None and (outgoing is not beaten_for or now >= next_beat):
                    beaten_for, next_beat = outgoing, now + self._heartbeat_s
                    outgoing.put(self._centre.heartbeat())
            except KioskError as error:
                log.warning("sync.not_settled", code=error.code, detail=error.detail)
            except Exception as bug:
                log.error("sync.bug", kind=type(bug).__name__)

    def _handle(self, response: Response, outgoing: SimpleQueue[Request]) -> None:
        match response:
            case BundleOffer():
                outgoing.put(self._centre.offered(response))
            case Announcement():
                self._centre.told(response)
                outgoing.put(AnnouncementShown(response.number))
            case Heard():
                self._centre.heard(response.collector_time_ns)
            case _:
                raise MessageInvalid(type(response).__name__)
