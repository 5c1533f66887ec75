"""The stream's messages as our own types, and the gRPC ends that speak them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

import grpc
import grpc.aio

from agent.proto.convert import fill_one, parse, read_one
from agent.proto.errors import MessageInvalid
from agent.proto.framing import LENGTH_DELIMITED, number, piece, split, varint
from agent.proto.streaming import PeerName, ServerContext, StreamCall, serve_stream
from agent.proto.v1 import uplink_pb2

METHOD = "/agent.proto.v1.UplinkService/Append"
MAX_MESSAGE_BYTES = 68 * 2**20
_NOTHING = memoryview(b"")


class RejectCode(IntEnum):
    """Why the collector ended a stream."""

    INVALID_RECORD = 1
    OUT_OF_RANGE = 2
    FORK = 3
    UNKNOWN_KIOSK = 4
    UNKNOWN_EPOCH = 5
    TEST_RECORD = 6
    EPOCH_NOT_AUTHORISED = 7


@dataclass(frozen=True, slots=True)
class EpochStart:
    """How an epoch began: the same claims signed by the new key and the old one, and a technician's token."""

    by_new_key: bytes = field(repr=False)
    by_old_key: bytes = field(repr=False)
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Open:
    """Where the kiosk stands; `epoch_start` is absent in the first epoch."""

    kiosk: str
    epoch: int
    next_seq: int
    head: bytes
    epoch_start: EpochStart | None = None


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """One record as stored on the kiosk."""

    seq: int
    cose_sign1: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """In the place of a record that the kiosk can no longer read."""

    seq: int
    cose_sign1: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the kiosk stands, signed."""

    next_seq: int
    head: bytes
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LostAtCollector:
    """Records `first_seq` up to, not including, `next_seq` are gone at both ends; sending goes on from `next_seq`."""

    first_seq: int
    next_seq: int
    cose_sign1: bytes = field(repr=False)


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


Placed = SealedRecord | Tombstone
Request = Open | SealedRecord | Tombstone | Checkpoint | LostAtCollector
Response = Resume | Ack | Pushback | Reject

_REQUESTS: dict[str, type[Request]] = {
    "open": Open,
    "record": SealedRecord,
    "tombstone": Tombstone,
    "checkpoint": Checkpoint,
    "lost_at_collector": LostAtCollector,
}
_RESPONSES: dict[str, type[Response]] = {
    "resume": Resume,
    "ack": Ack,
    "pushback": Pushback,
    "reject": Reject,
}
RECORD_FIELD = uplink_pb2.AppendRequest.RECORD_FIELD_NUMBER
_RECORD_FIELDS: frozenset[int] = frozenset(field.number for field in uplink_pb2.SealedRecord.DESCRIPTOR.fields)


def encode_request(request: Request) -> bytes:
    """Serialise a request; raise MessageInvalid for a value that its field cannot hold."""
    if isinstance(request, SealedRecord):
        return _encode_record(request)
    return fill_one(uplink_pb2.AppendRequest(), _REQUESTS, request)


def decode_request(data: bytes) -> Request:
    """Parse a request; raise MessageInvalid."""
    if (record := _decode_record(data)) is not None:
        return record
    return read_one(parse(data, uplink_pb2.AppendRequest(), MAX_MESSAGE_BYTES), _REQUESTS)


def _encode_record(record: SealedRecord) -> bytes:
    """Write a record with one copy of its ciphertext."""
    try:
        chunks = [number(1, record.seq)]
        for place, data in ((2, record.cose_sign1), (3, record.ciphertext)):
            chunks += piece(place, data) if data else ()
        length = sum(map(len, chunks))
        return b"".join([varint(RECORD_FIELD << 3 | LENGTH_DELIMITED), varint(length), *chunks])
    except (ValueError, TypeError) as error:
        raise MessageInvalid(f"SealedRecord: {type(error).__name__}") from None


def _decode_record(data: bytes) -> SealedRecord | None:
    """Read a record with one copy of its ciphertext; None for what has to go through the library."""
    if len(data) > MAX_MESSAGE_BYTES or (outer := split(memoryview(data))) is None or outer.keys() != {RECORD_FIELD}:
        return None
    inside = outer[RECORD_FIELD]
    fields = split(inside) if isinstance(inside, memoryview) else None
    if fields is None or not fields.keys() <= _RECORD_FIELDS:
        return None
    seq, cose_sign1, ciphertext = fields.get(1, 0), fields.get(2, _NOTHING), fields.get(3, _NOTHING)
    if not isinstance(seq, int) or isinstance(cose_sign1, int) or isinstance(ciphertext, int):
        return None
    return SealedRecord(seq, bytes(cose_sign1), bytes(ciphertext))


def encode_response(response: Response) -> bytes:
    """Serialise a response."""
    return fill_one(uplink_pb2.AppendResponse(), _RESPONSES, response)


def decode_response(data: bytes) -> Response:
    """Parse a response; raise MessageInvalid."""
    return read_one(parse(data, uplink_pb2.AppendResponse(), MAX_MESSAGE_BYTES), _RESPONSES)


class AppendCall(StreamCall[Request, Response]):
    """The kiosk's end of one stream."""

    def __init__(self, channel: grpc.Channel, requests: Iterable[Request]) -> None:
        super().__init__(channel, METHOD, requests, encode_request, decode_response, wait_for_ready=False)


class AppendServicer(ABC):
    """The server's end: implement `append`."""

    @abstractmethod
    def append(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncIterator[Response]:
        """Answer one stream; `peer_name` is the common name of the client's certificate."""


def add_append(
    server: grpc.aio.Server,
    servicer: AppendServicer,
    peer_name: PeerName,
) -> None:
    """Serve `servicer` on a server; `peer_name` reads the caller's name from the gRPC context."""

    async def behaviour(requests: AsyncIterator[bytes], context: ServerContext) -> AsyncIterator[bytes]:
        decoded = (decode_request(data) async for data in requests)
        async for response in servicer.append(decoded, peer_name(context)):
            yield encode_response(response)

    serve_stream(server, METHOD, behaviour)
