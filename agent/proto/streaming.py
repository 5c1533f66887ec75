"""One bidirectional stream at both ends: messages are bytes to gRPC, and ours to everybody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Generic, TypeVar

import grpc
import grpc.aio

Request = TypeVar("Request")
Response = TypeVar("Response")

ServerContext = grpc.aio.ServicerContext[bytes, bytes]
Behaviour = Callable[[AsyncIterator[bytes], ServerContext], AsyncIterator[bytes]]
PeerName = Callable[[ServerContext], str]


class StreamCall(Generic[Request, Response]):
    """The client's end: iterate for responses, `cancel` from any thread."""

    def __init__(
        self,
        channel: grpc.Channel,
        method: str,
        requests: Iterable[Request],
        encode: Callable[[Request], bytes],
        decode: Callable[[bytes], Response],
        *,
        wait_for_ready: bool,
    ) -> None:
        multi = channel.stream_stream(method, request_serializer=encode, response_deserializer=bytes)
        self._call, self._decode = multi(iter(requests), wait_for_ready=wait_for_ready), decode

    def __iter__(self) -> Iterator[Response]:
        """Yield responses. Raises grpc.RpcError, or MessageInvalid for a foreign answer."""
        # Decoding here, in our own thread: an exception inside gRPC's deserializer would lose its cause.
        for data in self._call:
            yield self._decode(data)

    def cancel(self) -> None:
        """End the stream at once."""
        self._call.cancel()


def serve_stream(server: grpc.aio.Server, method: str, behaviour: Behaviour) -> None:
    """Serve one method, `/package.Service/Method`, on a server."""
    handler = grpc.stream_stream_rpc_method_handler(behaviour, request_deserializer=bytes, response_serializer=bytes)
    service, name = method.strip("/").split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
