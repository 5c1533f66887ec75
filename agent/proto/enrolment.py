"""The second port's messages as our own types, and the gRPC ends that speak them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from agent.proto.convert import fill, parse, read
from agent.proto.errors import MessageInvalid
from agent.proto.v1 import enrolment_pb2

SERVICE = "agent.proto.v1.EnrolmentService"
MAX_REQUEST_BYTES = 16 * 1024
MAX_RESPONSE_BYTES = 16 * 2**20
MAX_CERTIFICATES = 8
MAX_BUNDLES = 32
NONCE_BYTES = 16
POLL_S = 0.1
TOKEN_BYTES = 16

REFUSED = grpc.StatusCode.PERMISSION_DENIED
TOO_MANY = grpc.StatusCode.RESOURCE_EXHAUSTED
BROKEN = grpc.StatusCode.INTERNAL

Question = TypeVar("Question")
Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """A one-time token's secret and a CSR (PKCS #10, DER)."""

    kiosk: str
    token: bytes = field(repr=False)
    csr: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EnrolResponse:
    """The certificate with its chain, the roots that collectors are checked against, signed bundles."""

    certificates: tuple[bytes, ...]
    authorities: tuple[bytes, ...]
    bundles: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """The present certificate (DER), a CSR with a new key, and the present key's proof (COSE_Sign1)."""

    certificate: bytes
    csr: bytes = field(repr=False)
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RenewResponse:
    """The next certificate with its chain."""

    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GetTimeRequest:
    """16 random bytes that the answer must name."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class GetTimeResponse:
    """The signed time (COSE_Sign1)."""

    answer: bytes


class Refusal(Exception):
    """The second port says no. `code` is for programs, `detail` for people; `status` is gRPC's."""

    def __init__(self, code: str, detail: str, status: grpc.StatusCode = REFUSED) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status = code, detail, status


class CallFailed(Exception):
    """A call that ended with neither an answer nor a refusal; `status` is gRPC's."""

    def __init__(self, status: grpc.StatusCode, detail: str) -> None:
        super().__init__(f"{status.name}: {detail}")
        self.status, self.detail = status, detail


class EnrolmentServicer(ABC):
    """The server's end; each method may raise Refusal. `peer` is the caller's address as gRPC tells it."""

    @abstractmethod
    async def enrol(self, request: EnrolRequest, peer: str) -> EnrolResponse:
        """Trade a one-time token for a certificate."""

    @abstractmethod
    async def renew(self, request: RenewRequest, peer: str) -> RenewResponse:
        """Trade a certificate for the next one."""

    @abstractmethod
    async def get_time(self, request: GetTimeRequest, peer: str) -> GetTimeResponse:
        """Sign the time for a nonce."""


class EnrolmentClient:
    """The kiosk's end. Each call raises Refusal, CallFailed, or MessageInvalid for a foreign answer.

    A call ends after `within_s`, and soon after `cancelled` is set (status CANCELLED).
    """

    def __init__(self, channel: grpc.Channel, within_s: float, cancelled: Event) -> None:
        self._channel, self._within_s, self._cancelled = channel, within_s, cancelled

    def enrol(self, request: EnrolRequest) -> EnrolResponse:
        """Trade a one-time token for a certificate."""
        data = self._call("Enrol", fill(enrolment_pb2.EnrolRequest(), request))
        response = read(parse(data, enrolment_pb2.EnrolResponse(), MAX_RESPONSE_BYTES), EnrolResponse)
        if len(response.bundles) > MAX_BUNDLES or len(response.authorities) > MAX_CERTIFICATES:
            raise MessageInvalid("EnrolResponse: too many")
        return response

    def renew(self, request: RenewRequest) -> RenewResponse:
        """Trade a certificate for the next one."""
        data = self._call("Renew", fill(enrolment_pb2.RenewRequest(), request))
        return read(parse(data, enrolment_pb2.RenewResponse(), MAX_RESPONSE_BYTES), RenewResponse)

    def get_time(self, request: GetTimeRequest) -> GetTimeResponse:
        """Ask for the time, signed over a nonce."""
        data = self._call("GetTime", fill(enrolment_pb2.GetTimeRequest(), request))
        return read(parse(data, enrolment_pb2.GetTimeResponse(), MAX_REQUEST_BYTES), GetTimeResponse)

    def _call(self, method: str, message: Message) -> bytes:
        send = self._channel.unary_unary(f"/{SERVICE}/{method}", request_serializer=bytes, response_deserializer=bytes)
        call = send.future(message.SerializeToString(), timeout=self._within_s)
        # gRPC's calls know nothing of our events.
        while not call.done():
            if self._cancelled.is_set():
                call.cancel()
            with suppress(grpc.FutureTimeoutError, grpc.RpcError, grpc.FutureCancelledError):
                call.result(timeout=POLL_S)
        if call.code() is not grpc.StatusCode.OK:
            raise _refusal(call) or CallFailed(call.code(), call.details() or "")
        answer: bytes = call.result()
        return answer


def _refusal(call: grpc.Call) -> Refusal | None:
    if call.code() not in {REFUSED, TOO_MANY}:
        return None
    code, _, detail = (call.details() or "").partition(": ")
    return Refusal(code[:40], detail[:300], call.code())


def add_enrolment(server: grpc.aio.Server, servicer: EnrolmentServicer) -> None:
    """Serve `servicer` on a server."""
    handlers = {
        "Enrol": _handler(enrolment_pb2.EnrolRequest, EnrolRequest, servicer.enrol, enrolment_pb2.EnrolResponse),
        "Renew": _handler(enrolment_pb2.RenewRequest, RenewRequest, servicer.renew, enrolment_pb2.RenewResponse),
        "GetTime": _handler(
            enrolment_pb2.GetTimeRequest, GetTimeRequest, servicer.get_time, enrolment_pb2.GetTimeResponse
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def _handler(
    message: Callable[[], Message],
    kind: type[Question],
    work: Callable[[Question, str], Awaitable[object]],
    answer: Callable[[], Message],
) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def behaviour(data: bytes, context: Context) -> bytes:
        try:
            request = read(parse(data, message(), MAX_REQUEST_BYTES), kind)
            return fill(answer(), await work(request, context.peer())).SerializeToString()
        except Refusal as refusal:
            await context.abort(refusal.status, str(refusal))
        except MessageInvalid as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.detail)

    return grpc.unary_unary_rpc_method_handler(behaviour, request_deserializer=bytes, response_serializer=bytes)
