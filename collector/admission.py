"""Who may have a stream: a certificate is looked up when its stream opens, and withdrawn ones end theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import structlog
from cryptography import x509

from collector.errors import StoreFailed
from collector.issuing import RequestInvalid, describe
from collector.registry import KioskRegistry, NotAdmitted, ShownCertificate

log = structlog.get_logger()

WATCH_EVERY_S = 1.0
# A kiosk has one; a network that broke may leave one more behind for a while.
MAX_STREAMS = 4

Context = grpc.aio.ServicerContext[Any, Any]  # Any: whatever messages the method has


@dataclass(slots=True)
class LiveStream:
    """One open stream: its certificate, the task that serves it, and why it was ended.

    `looked_at` is the registry's number of changes when its certificate was last looked up.
    """

    certificate: ShownCertificate
    task: asyncio.Task[Any]
    ended: NotAdmitted | None = None
    looked_at: int = -1

    def end(self, why: NotAdmitted) -> None:
        """End the stream at its next step."""
        if self.ended is None:
            log.warning("collector.stream_withdrawn", kiosk=self.certificate.kiosk, code=why.code)
            self.ended = why
            self.task.cancel()


class Admission(grpc.aio.ServerInterceptor):
    """Stands before every method of a server that demands client certificates."""

    def __init__(
        self,
        registry: KioskRegistry,
        clock_ns: Callable[[], int] = time.time_ns,
        watch_every_s: float = WATCH_EVERY_S,
    ) -> None:
        self._registry, self._clock_ns, self._watch_every_s = registry, clock_ns, watch_every_s
        self._live: list[LiveStream] = []
        self._watching: asyncio.Task[None] | None = None

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Give gRPC the method with the check before it."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        reading, writing = handler.request_deserializer, handler.response_serializer
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(self._stream(handler.stream_stream), reading, writing)
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._unary(handler.unary_unary), reading, writing)
        return handler

    def _unary(self, behaviour: Any) -> Any:
        async def checked(request: Any, context: Context) -> Any:
            await self._admitted(context)
            return await behaviour(request, context)

        return checked

    def _stream(self, behaviour: Any) -> Any:
        async def checked(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            certificate = await self._admitted(context)
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 # for mypy: gRPC serves every stream in a task
            with self._watched(LiveStream(certificate, task)) as stream:
                try:
                    async with aclosing(behaviour(requests, context)) as answers:
                        async for answer in answers:
                            yield answer
                except asyncio.CancelledError:
                    if stream.ended is None:
                        raise
                    task.uncancel()
                    await _refuse(context, stream.ended)

        return checked

    async def _admitted(self, context: Context) -> ShownCertificate:
        try:
            (pem,) = context.auth_context().get("x509_pem_cert", ())
            certificate = describe(x509.load_pem_x509_certificate(pem))
            await asyncio.to_thread(self._registry.admit, certificate, self._clock_ns())
        except NotAdmitted as error:
            log.warning("collector.not_admitted", kiosk=certificate.kiosk, code=error.code)
            await _refuse(context, error)
        except (ValueError, RequestInvalid):
            await _refuse(context, NotAdmitted("certificate_invalid", "one certificate of a kiosk is needed"))
        except StoreFailed as error:
            log.error("collector.registry_failed", detail=error.detail)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the collector's registry failed")
        return certificate

    @contextmanager
    def _watched(self, stream: LiveStream) -> Iterator[LiveStream]:
        self._live.append(stream)
        same = [one for one in self._live if one.certificate.kiosk == stream.certificate.kiosk]
        for one in same:
            # Its new certificate may have withdrawn the others', which the number of changes does not tell us.
            one.looked_at = -1
        for oldest in same[:-MAX_STREAMS]:
            oldest.end(NotAdmitted("too_many_streams", "the kiosk opened more"))
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            yield stream
        finally:
            self._live.remove(stream)
            if not self._live and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def _watch(self) -> None:
        """End what was withdrawn or has expired; a certificate is looked up only after somebody changed something."""
        while True:
            try:
                await asyncio.to_thread(self._look, list(self._live))
            except StoreFailed as error:
                log.error("collector.registry_failed", detail=error.detail)
            await asyncio.sleep(self._watch_every_s)

    def _look(self, streams: list[LiveStream]) -> None:
        changes, now_ns = self._registry.changes(), self._clock_ns()
        for stream in streams:
            try:
                if now_ns > stream.certificate.expires_at_ns:
                    raise NotAdmitted("expired", "the certificate has expired")
                if stream.looked_at != changes:
                    self._registry.standing(stream.certificate)
                    stream.looked_at = changes
            except NotAdmitted as error:
                stream.task.get_loop().call_soon_threadsafe(stream.end, error)


async def _refuse(context: Context, why: NotAdmitted) -> None:
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(why))
