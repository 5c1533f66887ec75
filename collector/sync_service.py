"""The stream beside the records: keeps heartbeats, hands out bundles and messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import TypeVar

import structlog

from agent.proto.errors import MessageInvalid
from agent.proto.sync import (
    AnnouncementShown,
    BundleVerdict,
    Heard,
    Heartbeat,
    Hello,
    Request,
    Response,
    SyncServicer,
)
from collector.errors import StoreFailed
from collector.fleet import Fleet
from collector.published import Published

log = structlog.get_logger()

HELLO_WITHIN_S = 20.0
# A kiosk beats every minute; five missed beats are a dead line.
SILENT_S = 300.0
LOOK_S = 5.0
# Beats that come faster are answered, and the last of them is kept when it is time.
MIN_BEAT_S = 1.0
MAX_WAITING = 16
Result = TypeVar("Result")


class SyncService(SyncServicer):
    """Serves every kiosk. `registered` says whether a kiosk may speak; it is asked in a thread and may wait."""

    def __init__(
        self,
        fleet: Fleet,
        published: Published,
        registered: Callable[[str], bool],
        clock_ns: Callable[[], int] = time.time_ns,
        look_s: float = LOOK_S,
    ) -> None:
        self._fleet, self._published, self._registered = fleet, published, registered
        self._clock_ns, self._look_s = clock_ns, look_s
        self._disk = ThreadPoolExecutor(1, "fleet")
        self._open: set[_Conversation] = set()
        self._draining = False

    async def sync(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncIterator[Response]:
        """Answer one stream until it ends, something is wrong with it, or the collector stops."""
        try:
            async with aclosing(self._answers(requests, peer_name)) as answers:
                async for response in answers:
                    yield response
        except MessageInvalid as error:
            log.warning("sync.ended", kiosk=peer_name, code=error.code, detail=error.detail)
        except StoreFailed as error:
            log.error("sync.store_failed", kiosk=peer_name, detail=error.detail)
        except TimeoutError:
            log.warning("sync.silent", kiosk=peer_name)

    async def drain(self) -> None:
        """End all streams; kiosks come again by themselves."""
        self._draining = True
        for conversation in list(self._open):
            conversation.end()

    def close(self) -> None:
        """Wait for the thread; call it before the fleet's data base is closed."""
        self._disk.shutdown(wait=True)

    async def _answers(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncGenerator[Response, None]:
        hello = await asyncio.wait_for(anext(requests, None), HELLO_WITHIN_S)
        if not isinstance(hello, Hello) or hello.kiosk != peer_name:
            raise MessageInvalid("a stream starts with Hello of the kiosk that the certificate names")
        if not await self._on_disk(self._registered, peer_name):
            raise MessageInvalid("not registered")
        conversation = _Conversation(requests)
        self._open.add(conversation)
        try:
            async with aclosing(self._converse(conversation, hello)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._open.discard(conversation)
            conversation.cancel()

    async def _converse(self, conversation: _Conversation, hello: Hello) -> AsyncGenerator[Response, None]:
        have = {one.kind: one.version for one in hello.bundles}
        told: set[int] = set()
        heard_at = kept_at = time.monotonic()
        kept_at -= MIN_BEAT_S
        held: Heartbeat | None = None
        while not self._draining:
            for offer in await self._on_disk(self._published.newer, have):
                # Once per stream, refused or not.
                have[offer.kind] = offer.version
                yield offer
            for announcement in await self._on_disk(self._fleet.waiting, hello.kiosk):
                if announcement.number not in told:
                    told.add(announcement.number)
                    yield announcement
            if held is not None and time.monotonic() - kept_at >= MIN_BEAT_S:
                await self._on_disk(self._fleet.heard, hello, held, self._clock_ns())
                held, kept_at = None, time.monotonic()
            request = await conversation.next(self._look_s)
            if conversation.over:
                return
            now = time.monotonic()
            if request is None:
                if now - heard_at > SILENT_S:
                    raise TimeoutError
                continue
            heard_at = now
            if not isinstance(request, Heartbeat):
                await self._on_disk(self._note, hello.kiosk, request)
                continue
            held = request
            yield Heard(self._clock_ns())

    def _note(self, kiosk: str, request: Request) -> None:
        match request:
            case BundleVerdict():
                if request.code:
                    told = {"kind": request.kind, "version": request.version, "code": request.code}
                    log.error("sync.bundle_refused", kiosk=kiosk, **told)
                self._fleet.judged(kiosk, request, self._clock_ns())
            case AnnouncementShown():
                self._fleet.shown(kiosk, request.number, self._clock_ns())
            case _:
                raise MessageInvalid(f"{type(request).__name__} at the wrong time")

    async def _on_disk(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)


class _Conversation:
    """Reads one stream in a task of its own; what is not taken stays in the network."""

    def __init__(self, requests: AsyncIterator[Request]) -> None:
        self._waiting: asyncio.Queue[Request | None] = asyncio.Queue(MAX_WAITING)
        self._failure: Exception | None = None
        self._ended = asyncio.Event()
        self._reading = asyncio.create_task(self._read(requests))

    @property
    def over(self) -> bool:
        """Whether nothing will come any more. Raises what went wrong with the stream."""
        if self._failure is not None:
            raise self._failure
        return self._ended.is_set() and self._waiting.empty()

    async def next(self, within_s: float) -> Request | None:
        """Return the next message; None when none came in time or the stream is over."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._waiting.get(), within_s)
        return None

    def end(self) -> None:
        """Let `next` return at once."""
        self._ended.set()
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(None)

    def cancel(self) -> None:
        """Read no more."""
        self._reading.cancel()

    async def _read(self, requests: AsyncIterator[Request]) -> None:
        try:
            async for request in requests:
                await self._waiting.put(request)
        except Exception as error:
            # Raised in a task of its own it would be lost.
            self._failure = error
        self.end()
