"""What kiosk and centre tell each other besides records, as our own types, and the gRPC ends that speak it.

Texts in it are codes (`CODE`): neither a name nor the number of a person can be written in one.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import chain

import grpc
import grpc.aio

from agent.proto.convert import fill_one, parse, read_one
from agent.proto.errors import MessageInvalid
from agent.proto.streaming import PeerName, ServerContext, StreamCall, serve_stream
from agent.proto.v1 import sync_pb2

METHOD = "/agent.proto.v1.SyncService/Sync"
# From a kiosk only small things come; to a kiosk a bundle.
MAX_REQUEST_BYTES = 64 * 1024
MAX_RESPONSE_BYTES = 16 * 2**20
MAX_ENTRIES = 64
MAX_ANNOUNCEMENT_CHARS = 2000
CODE = re.compile(r"[a-z][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class BundleVersion:
    """A bundle that the kiosk has."""

    kind: str
    version: int


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a stream; `software` is the agent's version, like v1.2.0."""

    kiosk: str
    software: str
    bundles: tuple[BundleVersion, ...]


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """The queue in figures; `oldest_pending_s` is 0 when nothing waits."""

    epoch: int
    next_seq: int
    acknowledged: int
    pending_records: int
    pending_bytes: int
    oldest_pending_s: int
    free_bytes: int
    lost_records: int


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """A kind of device and the state of one."""

    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class StageTiming:
    """How long a stage took in the last stored visits, milliseconds, and in how many it failed."""

    stage: str
    visits: int
    failed: int
    median_ms: int
    p95_ms: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How the kiosk is. Wall clock in nanoseconds since the Unix epoch."""

    kiosk_time_ns: int
    uptime_s: int
    test: bool
    queue: QueueHealth
    devices: tuple[DeviceHealth, ...]
    timings: tuple[StageTiming, ...]
    bundles: tuple[BundleVersion, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BundleOffer:
    """A signed bundle that is newer than the kiosk's own."""

    kind: str
    version: int
    cose_sign1: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BundleVerdict:
    """What became of an offer: `code` is the error's code, empty when it was taken."""

    kind: str
    version: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message for the people at the kiosk, numbered by the collector."""

    number: int
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class AnnouncementShown:
    """The kiosk has that message."""

    number: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The collector's wall clock, nanoseconds since the Unix epoch, in answer to a heartbeat."""

    collector_time_ns: int


Request = Hello | Heartbeat | BundleVerdict | AnnouncementShown
Response = BundleOffer | Announcement | Heard

_REQUESTS: dict[str, type[Request]] = {
    "hello": Hello,
    "heartbeat": Heartbeat,
    "verdict": BundleVerdict,
    "announcement_shown": AnnouncementShown,
}
_RESPONSES: dict[str, type[Response]] = {"bundle": BundleOffer, "announcement": Announcement, "heard": Heard}


def encode_request(request: Request) -> bytes:
    """Serialise; raise MessageInvalid for what may not be said, such as a text that is not a code."""
    _check_request(request)
    return fill_one(sync_pb2.SyncRequest(), _REQUESTS, request)


def decode_request(data: bytes) -> Request:
    """Parse and check; raise MessageInvalid."""
    request = read_one(parse(data, sync_pb2.SyncRequest(), MAX_REQUEST_BYTES), _REQUESTS)
    _check_request(request)
    return request


def encode_response(response: Response) -> bytes:
    """Serialise."""
    return fill_one(sync_pb2.SyncResponse(), _RESPONSES, response)


def decode_response(data: bytes) -> Response:
    """Parse and check; raise MessageInvalid."""
    response = read_one(parse(data, sync_pb2.SyncResponse(), MAX_RESPONSE_BYTES), _RESPONSES)
    if isinstance(response, BundleOffer):
        _check_codes("BundleOffer", (response.kind,))
    if isinstance(response, Announcement) and max(len(response.vi), len(response.en)) > MAX_ANNOUNCEMENT_CHARS:
        raise MessageInvalid(f"Announcement: more than {MAX_ANNOUNCEMENT_CHARS} characters")
    return response


def _check_request(request: Request) -> None:
    match request:
        case Hello():
            _check_codes("Hello", (request.software, *(one.kind for one in request.bundles)))
        case Heartbeat():
            _check_heartbeat(request)
        case BundleVerdict():
            _check_codes("BundleVerdict", (request.kind, *([request.code] if request.code else ())))


def _check_heartbeat(beat: Heartbeat) -> None:
    for entries in (beat.devices, beat.timings, beat.bundles, beat.errors):
        if len(entries) > MAX_ENTRIES:
            raise MessageInvalid(f"Heartbeat: {len(entries)} entries, {MAX_ENTRIES} allowed")
    texts = chain(
        beat.errors,
        (text for one in beat.devices for text in (one.kind, one.state)),
        (one.stage for one in beat.timings),
        (one.kind for one in beat.bundles),
    )
    _check_codes("Heartbeat", texts)


def _check_codes(what: str, texts: Iterable[str]) -> None:
    if any(not CODE.fullmatch(text) for text in texts):
        # The text itself stays out of the error: nobody knows what it is.
        raise MessageInvalid(f"{what}: a text is not a code")


class SyncCall(StreamCall[Request, Response]):
    """The kiosk's end. It waits for the connection: the stream of records beside it tells why there is none."""

    def __init__(self, channel: grpc.Channel, requests: Iterable[Request]) -> None:
        super().__init__(channel, METHOD, requests, encode_request, decode_response, wait_for_ready=True)


class SyncServicer(ABC):
    """The server's end: implement `sync`."""

    @abstractmethod
    def sync(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncIterator[Response]:
        """Answer one stream; `peer_name` is the common name of the client's certificate."""


def add_sync(server: grpc.aio.Server, servicer: SyncServicer, peer_name: PeerName) -> None:
    """Serve `servicer` on a server; `peer_name` reads the caller's name from the gRPC context."""

    async def behaviour(requests: AsyncIterator[bytes], context: ServerContext) -> AsyncIterator[bytes]:
        decoded = (decode_request(data) async for data in requests)
        async for response in servicer.sync(decoded, peer_name(context)):
            yield encode_response(response)

    serve_stream(server, METHOD, behaviour)
