"""Both ports against callers who keep to no rule: too much, too slowly, too many, or nonsense."""

from __future__ import annotations

import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import grpc
import pytest

from agent.enrolment import EnrolmentError
from agent.enrolment.second_port import SecondPort, second_port
from agent.enrolment.tls_folder import NewKey
from agent.enrolment.tunnel import ByPin, ByRoots
from agent.proto.enrolment import MAX_REQUEST_BYTES, SERVICE, EnrolRequest, GetTimeRequest
from agent.proto.enrolment_token import EnrolmentToken
from collector import enrolment_server
from tests.collector.world import KIOSK
from tests.enrolment.centre import Centre, NewKiosk
from tests.uplink.kiosk import WITHIN_S, CollectorProcess

SOME, MANY = 300, 10_000
SETTINGS_FRAME = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS_FRAME


@contextmanager
def calling(centre: Centre) -> Iterator[grpc.Channel]:
    """Connect to the second port as a client that believes the collector's CA."""
    credentials = grpc.ssl_channel_credentials((centre.config.tls / "ca.pem").read_bytes())
    with grpc.secure_channel(centre.config.enrolment_address, credentials) as channel:
        yield channel


def call(centre: Centre, method: str, data: bytes) -> grpc.StatusCode:
    """Send bytes as a request and return what they earn."""
    with calling(centre) as channel:
        send = channel.unary_unary(f"/{SERVICE}/{method}", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError) as raised:
            send(data, timeout=WITHIN_S)
    assert isinstance(raised.value, grpc.Call)
    return raised.value.code()


def still_answers(address: str, roots: Path) -> bool:
    """Ask for the time as a kiosk does."""
    with second_port(address, ByRoots(roots, 0), Event()) as port:
        return bool(port.client.get_time(GetTimeRequest(bytes(16))).answer)


def tls_to(address: str) -> ssl.SSLSocket:
    """Open a TLS connection that speaks HTTP/2."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(socket.create_connection((host, int(port)), WITHIN_S), server_hostname=host)


def ends(connection: socket.socket) -> bool:
    """Wait until the other end closes the connection."""
    connection.settimeout(WITHIN_S)
    try:
        while connection.recv(4096):
            continue
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("method", ["Enrol", "Renew", "GetTime"])
@pytest.mark.parametrize("data", [b"\xff" * 50, b"\x0a\x05ab", b"\x12\xff\xff\xff\xff\x0f"], ids=["junk", "cut", "lie"])
def test_what_does_not_parse_is_refused_in_words(serving: Centre, method: str, data: bytes) -> None:
    """And the port goes on."""
    assert call(serving, method, data) is grpc.StatusCode.INVALID_ARGUMENT
    assert still_answers(serving.config.enrolment_address, serving.config.tls / "ca.pem")


def test_refusals_do_not_fill_the_disk(serving: Centre) -> None:
    """A kiosk's own are kept once an hour; those for names that are not on the list not at all."""
    known = EnrolmentToken.parse(serving.token(KIOSK))
    for name in (KIOSK, *(f"kiosk-{number}" for number in range(100, 104))):
        for _ in range(2):
            with pytest.raises(EnrolmentError), _port(serving, known) as port:
                port.client.enrol(EnrolRequest(name, bytes(16), NewKey.make(name).csr))
    assert serving.actions().count("enrol_refused") == 1


@contextmanager
def _port(centre: Centre, token: EnrolmentToken) -> Iterator[SecondPort]:
    with second_port(centre.config.enrolment_address, ByPin(token.pin), Event()) as port:
        yield port


@pytest.mark.parametrize("method", ["Enrol", "Renew", "GetTime"])
def test_an_empty_request_gets_nothing(serving: Centre, method: str) -> None:
    """Every field has its length."""
    assert call(serving, method, b"") is grpc.StatusCode.PERMISSION_DENIED


def test_a_request_that_is_too_long_is_refused_before_it_is_read(serving: Centre) -> None:
    """GRPC's own limit holds."""
    assert call(serving, "Enrol", bytes(MAX_REQUEST_BYTES + 1)) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_nonce_of_another_length_is_refused(serving: Centre) -> None:
    """The receipt key signs nothing of the caller's length."""
    with calling(serving) as channel:
        ask = channel.unary_unary(f"/{SERVICE}/GetTime", request_serializer=bytes, response_deserializer=bytes)
        for length in (0, 15, 17, 4096):
            with pytest.raises(grpc.RpcError) as raised:
                ask(b"\x0a" + _varint(length) + bytes(length), timeout=WITHIN_S)
            assert isinstance(raised.value, grpc.Call)
            assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


def _varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7]) if number > 0x7F else bytes([number])


@pytest.fixture
def hasty(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> Iterator[Centre]:
    """Serve the second port with its own deadlines, only shorter."""
    short = {
        "grpc.server_handshake_timeout_ms": 300,
        "grpc.max_connection_idle_ms": 300,
        "grpc.max_connection_age_ms": 600,
        "grpc.max_connection_age_grace_ms": 200,
    }
    assert short.keys() <= {name for name, _ in enrolment_server.OPTIONS}
    options = [(name, short.get(name, value)) for name, value in enrolment_server.OPTIONS]
    monkeypatch.setattr(enrolment_server, "OPTIONS", options)
    with centre.serving():
        yield centre


class TestSlowCallers:
    """Whoever comes and does not get on with it is let go."""

    def test_tcp_and_nothing_more(self, hasty: Centre) -> None:
        """No TLS."""
        host, _, port = hasty.config.enrolment_address.rpartition(":")
        with socket.create_connection((host, int(port)), WITHIN_S) as connection:
            assert ends(connection)

    def test_tls_and_nothing_more(self, hasty: Centre) -> None:
        """No HTTP/2."""
        with tls_to(hasty.config.enrolment_address) as connection:
            assert ends(connection)

    def test_http2_and_no_request(self, hasty: Centre) -> None:
        """An idle connection."""
        with tls_to(hasty.config.enrolment_address) as connection:
            connection.sendall(PREFACE)
            assert ends(connection)

    def test_a_request_that_never_ends(self, hasty: Centre) -> None:
        """Headers and the beginning of a message: the connection's age is limited."""
        # HPACK (RFC 7541): POST, path, https, authority, and literals with a name of their own.
        headers = bytes([0x83, 0x04]) + _text(f"/{SERVICE}/GetTime") + bytes([0x87, 0x41]) + _text("x")
        for name, value in (("te", "trailers"), ("content-type", "application/grpc")):
            headers += bytes([0x40]) + _text(name) + _text(value)
        with tls_to(hasty.config.enrolment_address) as connection:
            connection.sendall(PREFACE + _frame(1, 4, 1, headers) + _frame(0, 0, 1, b"\x00\x00\x00\x00\x12"))
            assert ends(connection)
        assert still_answers(hasty.config.enrolment_address, hasty.config.tls / "ca.pem")


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("ascii")


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _crowd(tmp_path: Path, centre: Centre, count: int) -> None:
    """Hold idle connections to both ports of a collector in a process of its own, and come as a kiosk meanwhile."""
    collector = CollectorProcess(centre.folder / "collector")
    try:
        with ExitStack() as stack:
            for place in range(count):
                address = (centre.config.address, centre.config.enrolment_address)[place % 2]
                host, _, port = address.rpartition(":")
                stack.enter_context(socket.create_connection((host, int(port)), WITHIN_S))
            kiosk = NewKiosk.make(centre)
            kiosk.enrol(centre.token())
            assert still_answers(centre.config.enrolment_address, kiosk.tls.roots)
    finally:
        assert collector.stop() == 0


def test_some_hundred_idle_connections_keep_nobody_out(tmp_path: Path, centre: Centre) -> None:
    """A kiosk enrols beside them, and the collector stops as it should."""
    _crowd(tmp_path, centre, SOME)


@pytest.mark.slow
def test_ten_thousand_idle_connections_keep_nobody_out(tmp_path: Path, centre: Centre) -> None:
    """The same with all that one collector is to bear."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * MANY:
        pytest.skip(f"needs {2 * MANY} open files, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MANY, hard))
    try:
        _crowd(tmp_path, centre, MANY)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
