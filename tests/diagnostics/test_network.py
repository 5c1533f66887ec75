"""The way to the collector, on real sockets, certificates and gRPC servers on the loopback."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import grpc
import pytest

from agent.diagnostics.families import network
from agent.diagnostics.finding import Verdict
from collector.certificates import CLIENT, SERVER, Authority, Period
from tests.collector.world import World, free_port
from tests.diagnostics.conftest import Kiosk, ToldDaemon, assert_fault
from tests.uplink.kiosk import Loop

NOW = datetime.datetime.now(datetime.UTC)
VALID = Period(NOW - datetime.timedelta(days=10), NOW + datetime.timedelta(days=60))


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """Run one event loop for the collector."""
    running = Loop()
    yield running
    running.close()


@contextmanager
def collector(world: World, loop: Loop, address: str, tls: Path | None = None) -> Iterator[None]:
    """Serve the real collector at an address, with other TLS files if given."""
    config = world.config.model_copy(update={"address": address, "tls": tls or world.config.tls})
    with world.store() as store:
        service = world.service(store)
        with loop.serving(config, service):
            yield
        service.close()


@pytest.fixture
def address(kiosk: Kiosk) -> str:
    """Give the kiosk a collector's address of its own."""
    kiosk.address = f"127.0.0.1:{free_port()}"
    kiosk.configure()
    return kiosk.address


def give_tls(folder: Path, authority: Authority, period: Period = VALID, name: str = "127.0.0.1") -> Path:
    """Write a server's TLS folder."""
    folder.mkdir(exist_ok=True)
    leaf = authority.issue(name, SERVER, period)
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "server.pem").write_bytes(leaf.certificate)
    (folder / "server.key").write_bytes(leaf.key)
    (folder / "server.key").chmod(0o600)
    return folder


def give_client(kiosk: Kiosk, authority: Authority, period: Period = VALID) -> None:
    """Give the kiosk a certificate and the CA."""
    leaf = authority.issue("kiosk-1", CLIENT, period)
    for name, data in {"ca.pem": authority.pem, "client.pem": leaf.certificate, "client.key": leaf.key}.items():
        (kiosk.trust / "tls" / name).write_bytes(data)


def test_a_collector_that_works(kiosk: Kiosk, made_world: World, loop: Loop, address: str) -> None:
    """Every step is fine; its time it tells only in the stream."""
    with collector(made_world, loop, address):
        findings = {f.check: f for f in kiosk.findings("network")}
    for name in ("dns", "route", "tcp", "tls", "certificate", "grpc"):
        assert findings[f"network.{name}"].verdict is Verdict.OK, findings[f"network.{name}"]
    assert findings["network.clock"].verdict is Verdict.NOT_ASSESSED
    assert "the kiosk's clock" in findings["network.certificate"].evidence


def test_nobody_listens(kiosk: Kiosk, address: str) -> None:
    """One error at TCP; what needs it refers to it."""
    findings = {f.check: f for f in kiosk.findings("network")}
    assert_fault(findings["network.tcp"], "network.tcp.refused")
    for name in ("tls", "certificate", "grpc", "clock"):
        assert findings[f"network.{name}"].verdict is Verdict.SKIPPED, findings[f"network.{name}"]
        assert "network.tcp" in findings[f"network.{name}"].cause.en


def test_a_host_that_swallows_everything(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full backlog: no answer, as behind a firewall."""
    monkeypatch.setattr(network, "STEP_S", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        kiosk.address = f"127.0.0.1:{listener.getsockname()[1]}"
        kiosk.configure()
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        found = kiosk.finding("network.tcp")
        for one in held:
            one.close()
    assert_fault(found, "network.tcp.no_answer")


def test_an_unknown_name(kiosk: Kiosk) -> None:
    """`.invalid` never resolves (RFC 6761)."""
    kiosk.address = "collector.invalid:8443"
    kiosk.configure()
    findings = {f.check: f for f in kiosk.findings("network.dns", "network.tcp", "network.route")}
    assert_fault(findings["network.dns"], "uplink.name_not_resolved")
    assert findings["network.tcp"].verdict is Verdict.SKIPPED


def test_a_resolver_that_hangs(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as a name that is not resolved, at a deadline of its own."""
    go = Event()
    monkeypatch.setattr(network, "DNS_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [go.wait(60)])
    found = kiosk.finding("network.dns")
    go.set()
    assert_fault(found, "uplink.name_not_resolved")
    assert "no answer" in found.evidence


def test_no_route(kiosk: Kiosk) -> None:
    """The broadcast address has none that a stream could take."""
    kiosk.address = "255.255.255.255:8443"
    kiosk.configure()
    assert_fault(kiosk.finding("network.route"), "network.route.none")
    assert_fault(kiosk.finding("network.tcp"), "network.tcp.unreachable")


def test_a_collector_of_another_authority(
    kiosk: Kiosk, made_world: World, loop: Loop, address: str, tmp_path: Path
) -> None:
    """TLS is refused with the true cause, and the certificate's issuer is told."""
    tls = give_tls(tmp_path / "other", Authority.create("other", VALID))
    with collector(made_world, loop, address, tls):
        findings = {f.check: f for f in kiosk.findings("network")}
    assert_fault(findings["network.tls"], "uplink.collector_not_trusted")
    assert_fault(findings["network.certificate"], "network.certificate.other_issuer")
    assert "CN=other" in findings["network.certificate"].evidence
    assert findings["network.grpc"].verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("begins", "ends", "code"),
    [
        (-10, -1, "network.certificate.outside_its_dates"),
        (-10, 5, "network.certificate.expires_soon"),
        (2, 60, "network.certificate.outside_its_dates"),
    ],
    ids=["expired", "soon", "not-yet"],
)
def test_the_collectors_dates(
    kiosk: Kiosk, made_world: World, loop: Loop, address: str, tmp_path: Path, begins: int, ends: int, code: str
) -> None:
    """Told beside the kiosk's clock; a clock that is behind is told as such before TLS says "bad certificate"."""
    authority = Authority.create("ours", VALID)
    give_client(kiosk, authority)
    period = Period(NOW + datetime.timedelta(days=begins), NOW + datetime.timedelta(days=ends))
    with collector(made_world, loop, address, give_tls(tmp_path / "tls", authority, period)):
        findings = {f.check: f for f in kiosk.findings("network")}
    assert_fault(findings["network.certificate"], code)
    if begins > 0:
        assert_fault(findings["network.clock"], "network.clock.far_off")
        assert_fault(findings["network.tls"], "uplink.clock")
    if ends < 0:
        assert_fault(findings["network.tls"], "uplink.clock_or_certificate")


def test_a_kiosk_that_is_refused(kiosk: Kiosk, made_world: World, loop: Loop, address: str) -> None:
    """A client certificate of another authority."""
    own_ca = (kiosk.trust / "tls" / "ca.pem").read_bytes()
    give_client(kiosk, Authority.create("other", VALID))
    (kiosk.trust / "tls" / "ca.pem").write_bytes(own_ca)
    with collector(made_world, loop, address):
        assert_fault(kiosk.finding("network.tls"), "uplink.kiosk_refused")


class Health(grpc.GenericRpcHandler):
    """A gRPC server that knows only its health; an empty answer lets the call hang."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Answer Check."""
        if details.method != network.HEALTH:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: self._answer)


@pytest.mark.parametrize(("answer", "code"), [(b"\x08\x01", "network.grpc"), (b"\x08\x02", "network.grpc.not_serving")])
def test_a_health_service(made_world: World, kiosk: Kiosk, address: str, answer: bytes, code: str) -> None:
    """Asked by the protocol that all gRPC servers share."""
    tls = made_world.config.tls
    credentials = grpc.ssl_server_credentials(
        [((tls / "server.key").read_bytes(), (tls / "server.pem").read_bytes())],
        (tls / "ca.pem").read_bytes(),
        require_client_auth=True,
    )
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[Health(answer)])
        server.add_secure_port(address, credentials)
        server.start()
        found = kiosk.finding("network.grpc")
        server.stop(None).wait(10)
    assert found.code == code, found


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.UNIMPLEMENTED, ""),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "uplink.collector_silent"),
        (grpc.StatusCode.INTERNAL, "uplink.collector_failed"),
    ],
)
def test_rpc_codes(status: grpc.StatusCode, code: str) -> None:
    """Each stands for its cause."""
    assert network._judge_rpc(status, 0.01).code == code


class TestDaemon:
    """What the running daemon knows of the line."""

    @pytest.mark.parametrize(
        ("offset_s", "code"),
        [(0.2, "network.clock"), (-45, "network.clock.skewed"), (90000, "network.clock.far_off")],
    )
    def test_skew(self, kiosk: Kiosk, offset_s: float, code: str) -> None:
        """By the collector's own time in the stream."""
        uplink = {"connected": True, "collector_offset_ns": round(offset_s * 1e9), "quarantined": []}
        kiosk.daemon = ToldDaemon({"uplink": uplink})
        assert kiosk.finding("network.clock").code == code

    def test_why_nothing_leaves(self, kiosk: Kiosk) -> None:
        """The daemon's own error, with its words."""
        words = {"vi": "Từ chối.", "en": "Refused."}
        told = {"code": "uplink.not_registered", "words": words, "remedy": words, "detail": "kiosk-1"}
        kiosk.daemon = ToldDaemon({"uplink": {"connected": False, "error": told, "quarantined": []}})
        found = kiosk.finding("network.uplink")
        assert_fault(found, "uplink.not_registered")
        assert found.evidence == "kiosk-1"
        kiosk.daemon = ToldDaemon()
        assert kiosk.finding("network.uplink").verdict is Verdict.OK

    def test_without_one(self, kiosk: Kiosk) -> None:
        """Nothing is sent, and that is no fault of the network."""
        assert kiosk.finding("network.uplink").verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "network.interface.none"),
        ({"eth0/operstate": "down", "wlan0/operstate": "dormant"}, "network.interface.down"),
        ({"eth0/operstate": "down", "wwan0/operstate": "unknown", "wwan0/carrier": "1"}, "network.interface"),
        ({"eth0/operstate": "up"}, "network.interface"),
    ],
)
def test_links(kiosk: Kiosk, files: dict[str, str], code: str) -> None:
    """By sysfs; modems often say "unknown" and have a carrier."""
    kiosk.machine.put("sys/class/net/lo/operstate", "unknown")
    for name, text in files.items():
        kiosk.machine.put(f"sys/class/net/{name}", f"{text}\n")
    assert kiosk.finding("network.interface").code == code


def test_a_proxy(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is told, never its address, which may hold a password."""
    for name in network.PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert kiosk.finding("network.proxy").verdict is Verdict.OK
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:3128")
    found = kiosk.finding("network.proxy")
    assert_fault(found, "network.proxy.set")
    assert "secret" not in str(found)
