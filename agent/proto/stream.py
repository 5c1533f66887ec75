"""The stream's messages as our own types, and the gRPC ends that speak them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

import grpc
import grpc.aio

from agent.proto.convert import fill, parse, read
from agent.proto.errors import MessageInvalid
from agent.proto.v0 import uplink_pb2

METHOD = "/agent.proto.v0.UplinkService/Append"
MAX_MESSAGE_BYTES = 68 * 2**20


class RejectCode(IntEnum):
    """Why the collector ended a stream."""

    INVALID_RECORD = 1
    OUT_OF_RANGE = 2
    FORK = 3
    UNKNOWN_KIOSK = 4
    UNKNOWN_EPOCH = 5
    TEST_RECORD = 6


@dataclass(frozen=True, slots=True)
class Open:
    """Where the kiosk stands."""

    kiosk: str
    epoch: int
    next_seq: int
    head: bytes


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """One record as stored on the kiosk."""

    seq: int
    cose_sign1: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be in flight."""

    max_records_in_flight: int
    max_bytes_in_flight: int
    max_record_bytes: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the collector stands, and its wall clock in nanoseconds."""

    next_seq: int
    head: bytes
    limits: Limits
    collector_time_ns: int


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything up to `through_seq` is on stable storage; `receipt` is the signed proof."""

    through_seq: int
    head: bytes
    receipt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pushback:
    """Wait before sending more."""

    wait_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The stream ends; the position is unchanged."""

    code: RejectCode
    reason: str
    seq: int


Request = Open | SealedRecord
Response = Resume | Ack | Pushback | Reject

_REQUESTS: dict[str, type[Open] | type[SealedRecord]] = {"open": Open, "record": SealedRecord}
_RESPONSES: dict[str, type[Resume] | type[Ack] | type[Pushback] | type[Reject]] = {
    "resume": Resume,
    "ack": Ack,
    "pushback": Pushback,
    "reject": Reject,
}


def encode_request(request: Request) -> bytes:
    """Serialise a request."""
    message = uplink_pb2.AppendRequest()
    if isinstance(request, Open):
        fill(message.open, request)
        message.open.SetInParent()
    else:
        fill(message.record, request)
        message.record.SetInParent()
    return message.SerializeToString()


def decode_request(data: bytes) -> Request:
    """Parse a request; raise MessageInvalid."""
    message = parse(data, uplink_pb2.AppendRequest(), MAX_MESSAGE_BYTES)
    which = message.WhichOneof("message")
    if which is None:
        raise MessageInvalid("AppendRequest is empty")
    return read(getattr(message, which), _REQUESTS[which])


def encode_response(response: Response) -> bytes:
    """Serialise a response."""
    message = uplink_pb2.AppendResponse()
    name = next(name for name, kind in _RESPONSES.items() if isinstance(response, kind))
    fill(getattr(message, name), response)
    getattr(message, name).SetInParent()
    return message.SerializeToString()


def decode_response(data: bytes) -> Response:
    """Parse a response; raise MessageInvalid."""
    message = parse(data, uplink_pb2.AppendResponse(), MAX_MESSAGE_BYTES)
    which = message.WhichOneof("message")
    if which is None:
        raise MessageInvalid("AppendResponse is empty")
    return read(getattr(message, which), _RESPONSES[which])


class AppendCall:
    """The kiosk's end of one stream: iterate for responses, `cancel` from any thread."""

    def __init__(self, channel: grpc.Channel, requests: Iterable[Request]) -> None:
        multi = channel.stream_stream(METHOD, request_serializer=encode_request, response_deserializer=bytes)
        self._call = multi(iter(requests), wait_for_ready=False)

    def __iter__(self) -> Iterator[Response]:
        """Yield responses. Raises grpc.RpcError, or MessageInvalid for a foreign answer."""
        # Decoding here, in our own thread: an exception inside gRPC's deserializer would lose its cause.
        for data in self._call:
            yield decode_response(data)

    def cancel(self) -> None:
        """End the stream at once."""
        self._call.cancel()


class AppendServicer(ABC):
    """The server's end: implement `append`."""

    @abstractmethod
    def append(self, requests: AsyncIterator[Request], peer_name: str, peer: str) -> AsyncIterator[Response]:
        """Answer one stream; `peer_name` is the common name of the client's certificate."""


PeerName = Callable[[grpc.aio.ServicerContext[bytes, bytes]], str]


def add_append(
    server: grpc.aio.Server,
    servicer: AppendServicer,
    peer_name: PeerName,
) -> None:
    """Serve `servicer` on a server; `peer_name` reads the caller's name from the gRPC context."""

    async def behaviour(
        requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        decoded = (decode_request(data) async for data in requests)
        async for response in servicer.append(decoded, peer_name(context), context.peer()):
            yield encode_response(response)

    handler = grpc.stream_stream_rpc_method_handler(behaviour, request_deserializer=bytes, response_serializer=bytes)
    service, method = METHOD.strip("/").split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
