"""Asking the collector's second port, with every failure in our own words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import grpc
from cryptography import x509

from agent.enrolment.errors import BY_CODE, AnswerNotBelieved, EnrolmentRefused
from agent.enrolment.tunnel import Trusted, open_tunnel
from agent.proto.enrolment import (
    MAX_RESPONSE_BYTES,
    NONCE_BYTES,
    CallFailed,
    EnrolmentClient,
    GetTimeRequest,
    Refusal,
)
from agent.sealing import ReceiptKeys, SealingError, verify_time
from agent.uplink.errors import CollectorDown, CollectorFailed

ANSWER_S = 20.0
MAX_SAID = 300
NO_CONNECTION = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # TLS ends in the tunnel, which takes one connection and no other.
    ("grpc.enable_retries", 0),
]


@dataclass(frozen=True, slots=True)
class SecondPort:
    """An open connection to the second port, and the certificate that the collector showed."""

    client: EnrolmentClient
    certificate: x509.Certificate


@contextmanager
def second_port(address: str, trusted: Trusted, cancelled: Event) -> Iterator[SecondPort]:
    """Connect to host:port. Raises UplinkError or EnrolmentError for whatever goes wrong within the `with`."""
    with open_tunnel(address, trusted, cancelled) as tunnel, grpc.insecure_channel(tunnel.target, OPTIONS) as channel:
        try:
            yield SecondPort(EnrolmentClient(channel, ANSWER_S, cancelled), tunnel.certificate)
        except Refusal as refusal:
            raise BY_CODE.get(refusal.code, EnrolmentRefused)(str(refusal)) from refusal
        except CallFailed as error:
            raise _broken(error) from error


def ask_time(port: SecondPort, keys: ReceiptKeys, random: Callable[[int], bytes] = os.urandom) -> int:
    """Return the collector's clock, nanoseconds since the Unix epoch. Raises AnswerNotBelieved."""
    nonce = random(NONCE_BYTES)
    answer = port.client.get_time(GetTimeRequest(nonce)).answer
    try:
        time_ns = verify_time(answer, nonce, keys).time_ns
    except SealingError as error:
        raise AnswerNotBelieved(f"time: {error.code}: {error.detail}") from error
    if time_ns > port.certificate.not_valid_after_utc.timestamp() * 10**9:
        # A clock gone wild there must not become a lower bound here, which nothing takes back.
        raise AnswerNotBelieved("time: after the end of the collector's own certificate")
    return time_ns


def _broken(error: CallFailed) -> CollectorDown | CollectorFailed:
    if error.status in NO_CONNECTION:
        return CollectorDown(error.detail[:MAX_SAID])
    return CollectorFailed(str(error)[:MAX_SAID])
