from __future__ import annotations

import datetime
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads
from typing import Any

import pytest

from agent.proto.stream import Pushback, Request, Response
from agent.uplink import diagnosis
from agent.uplink.channel import TlsFiles, open_channel
from agent.uplink.diagnosis import diagnose
from agent.uplink.errors import (
    ClockOrCertificate,
    ClockWrong,
    CollectorDown,
    CollectorNotTrusted,
    CollectorSilent,
    KioskRefused,
    NameNotResolved,
    TlsFilesUnusable,
    UplinkError,
)
from collector.certificates import CLIENT, SERVER, Authority, Leaf, Period
from collector.config import CollectorConfig, check_config
from tests.collector.world import free_port
from tests.uplink.kiosk import Kiosk, Loop, Scripted

NOW = datetime.datetime.now(datetime.UTC)
VALID = Period(NOW - datetime.timedelta(days=10), NOW + datetime.timedelta(days=10))
PAST = Period(NOW - datetime.timedelta(days=10), NOW - datetime.timedelta(days=1))
FUTURE = Period(NOW + datetime.timedelta(days=1), NOW + datetime.timedelta(days=10))
LONG_AGO = NOW - datetime.timedelta(days=7300)


@dataclass(frozen=True, slots=True)
class Ends:
    """The TLS files of both ends."""

    kiosk: TlsFiles
    collector: CollectorConfig


@dataclass(frozen=True, slots=True)
class Maker:
    """Writes certificates of any period and issuer; by default both ends are fine."""

    folder: Path

    def ends(
        self,
        *,
        server: Period = VALID,
        client: Period = VALID,
        server_name: str = "127.0.0.1",
        client_by_another: bool = False,
        server_by_another: bool = False,
        server_usage: str = "server",
    ) -> Ends:
        """Write all files."""
        ours, another = Authority.create("ours", VALID), Authority.create("another", VALID)
        usage = SERVER if server_usage == "server" else CLIENT
        leaf = (another if server_by_another else ours).issue(server_name, usage, server)
        self._write("server", leaf)
        self._write("client", (another if client_by_another else ours).issue("kiosk-1", CLIENT, client))
        (self.folder / "ca.pem").write_bytes(ours.pem)
        values = {"name": "centre", "address": f"127.0.0.1:{free_port()}", "tls": self.folder}
        kiosk = TlsFiles(*(self.folder / name for name in ("ca.pem", "client.pem", "client.key")))
        return Ends(kiosk, check_config("test", values))

    def _write(self, stem: str, leaf: Leaf) -> None:
        (self.folder / f"{stem}.pem").write_bytes(leaf.certificate)
        (self.folder / f"{stem}.key").write_bytes(leaf.key)


Look = Callable[..., UplinkError | None]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Return a maker of TLS files."""
    return Maker(tmp_path)


@pytest.fixture
def look(make: Maker, loop: Loop) -> Look:
    """Return a function that serves with these certificates and diagnoses the connection."""

    async def quiet(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        yield Pushback(0, "")

    def diagnosed(now: datetime.datetime | None = None, **of: Any) -> UplinkError | None:
        ends = make.ends(**of)
        with loop.serving(ends.collector, Scripted(quiet)):
            return diagnose(ends.collector.address, ends.kiosk, Event(), now)

    return diagnosed


def test_nothing_is_wrong_with_a_good_connection(look: Look) -> None:
    """Then the cause is not here, and the collector's own words count."""
    assert look() is None


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        ({"server_by_another": True}, CollectorNotTrusted),
        ({"server_name": "collector.example"}, CollectorNotTrusted),
        ({"server_usage": "client"}, CollectorNotTrusted),
        ({"client_by_another": True}, KioskRefused),
        ({"client": PAST}, ClockOrCertificate),
        ({"server": PAST}, ClockOrCertificate),
        ({"client": FUTURE}, ClockWrong),
        ({"server": FUTURE}, ClockWrong),
        ({"client": PAST, "server": PAST}, ClockOrCertificate),
    ],
    ids=[
        "server-by-another-ca",
        "server-of-another-name",
        "server-with-a-client-certificate",
        "client-by-another-ca",
        "client-expired",
        "server-expired",
        "client-not-yet-valid",
        "server-not-yet-valid",
        "both-expired",
    ],
)
def test_each_certificate_fault_has_its_own_cause(look: Look, of: dict[str, object], kind: type[UplinkError]) -> None:
    """Whose certificate, and whether it is trust or time."""
    found = look(**of)
    assert type(found) is kind, found


def test_a_rogue_kiosk_cannot_pose_as_the_collector(look: Look) -> None:
    """A kiosk's own certificate, even for the collector's address, is not good for serving."""
    found = look(server_usage="client")
    assert isinstance(found, CollectorNotTrusted)
    assert "purpose" in found.detail


def test_a_refused_kiosk_with_a_clock_far_off_is_told_the_clock(look: Look) -> None:
    """The collector refused the certificate, but by this kiosk's clock it was not even issued."""
    found = look(LONG_AGO, client_by_another=True)
    assert isinstance(found, ClockWrong)
    assert f"{LONG_AGO:%Y-%m-%d}" in found.detail


def test_dates_are_told_as_evidence(look: Look) -> None:
    """A technician sees clock and certificate side by side."""
    found = look(client=PAST)
    assert found is not None
    assert f"{NOW:%Y-%m-%d}" in found.detail
    assert f"{PAST.ends:%Y-%m-%d}" in found.detail


def test_nobody_listening_is_a_collector_that_is_down(make: Maker) -> None:
    """The address is named."""
    ends = make.ends()
    found = diagnose(ends.collector.address, ends.kiosk, Event())
    assert isinstance(found, CollectorDown)
    assert ends.collector.address in found.detail


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Open a plain TCP listener on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def test_a_listener_that_says_nothing_is_silent(
    make: Maker, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handshake has a deadline."""
    monkeypatch.setattr(diagnosis, "STEP_S", 0.1)
    found = diagnose(f"127.0.0.1:{listener.getsockname()[1]}", make.ends().kiosk, Event())
    assert isinstance(found, CollectorSilent)


@pytest.mark.parametrize(
    ("answer", "kind"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", CollectorNotTrusted), (b"", CollectorDown)]
)
def test_a_listener_that_speaks_no_tls_is_told(
    make: Maker, listener: socket.socket, answer: bytes, kind: type[UplinkError]
) -> None:
    """Another service at the address, or one that hangs up."""

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(answer)

    talking = Thread(target=talk)
    talking.start()
    found = diagnose(f"127.0.0.1:{listener.getsockname()[1]}", make.ends().kiosk, Event())
    talking.join()
    assert type(found) is kind, found


def test_a_name_that_does_not_resolve_is_told(make: Maker) -> None:
    """RFC 6761 reserves `.invalid`: it never resolves."""
    assert isinstance(diagnose("collector.invalid:8443", make.ends().kiosk, Event()), NameNotResolved)


def test_a_name_server_that_never_answers_holds_nobody_back(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call cannot be cancelled, so it is left alone after its deadline, or when the uplink ends."""
    released = Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    cancelled = Event()
    cancelled.set()
    found = diagnose("collector.example:8443", make.ends().kiosk, cancelled)
    assert isinstance(found, NameNotResolved)
    monkeypatch.setattr(diagnosis, "STEP_S", 0.1)
    assert isinstance(diagnose("collector.example:8443", make.ends().kiosk, Event()), NameNotResolved)
    released.set()
    for thread in enumerate_threads():
        if thread.name == "uplink-dns":
            thread.join()


@pytest.mark.parametrize("name", ["ca.pem", "client.pem", "client.key"])
@pytest.mark.parametrize("data", [None, b"garbage", b""], ids=["missing", "garbage", "empty"])
def test_our_own_broken_files_are_named(make: Maker, name: str, data: bytes | None) -> None:
    """Never taken for the collector's fault."""
    ends = make.ends()
    path = make.folder / name
    path.unlink() if data is None else path.write_bytes(data)
    found = diagnose(ends.collector.address, ends.kiosk, Event())
    assert isinstance(found, TlsFilesUnusable)
    assert name in found.detail


def test_a_key_that_is_not_the_certificates_is_named(make: Maker) -> None:
    """As after a half-finished copy."""
    ends = make.ends()
    (make.folder / "client.key").write_bytes((make.folder / "server.key").read_bytes())
    found = diagnose(ends.collector.address, ends.kiosk, Event())
    assert isinstance(found, TlsFilesUnusable)
    assert "client.key" in found.detail


def test_a_channel_needs_its_files(make: Maker) -> None:
    """A missing file is told before anything is tried."""
    ends = make.ends()
    ends.kiosk.key.unlink()
    with pytest.raises(TlsFilesUnusable, match=r"client\.key"):
        open_channel(ends.collector.address, ends.kiosk)


def test_the_uplink_tells_what_the_diagnosis_found(kiosk: Kiosk, make: Maker, loop: Loop) -> None:
    """GRPC's "unavailable" becomes the true cause; the records stay."""

    async def unreachable(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        yield Pushback(0, "")

    kiosk.enqueue(1)
    for of, code in (
        ({"server_by_another": True}, "uplink.collector_not_trusted"),
        ({"client_by_another": True}, "uplink.kiosk_refused"),
        ({"client": PAST}, "uplink.clock_or_certificate"),
        ({"server": FUTURE}, "uplink.clock"),
    ):
        ends = make.ends(**of)
        serving = loop.serving(ends.collector, Scripted(unreachable))
        with serving, kiosk.uplink(tls=ends.kiosk, addresses=(ends.collector.address,)) as uplink:
            kiosk.await_error(uplink, code)
    assert kiosk.queue.acknowledged == 0
