"""The first port: who may have a stream, and how it ends for those who may not any more."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event

import grpc
import pytest

from agent.proto.stream import METHOD, AppendCall, Open, Resume
from agent.provisioning import load_trust
from agent.queue import EpochStart, Queue
from agent.sealing import FileSigningKey, InFile, create_record_key, epoch_start, peek_record, public_key_pem
from agent.uplink import TlsFiles, Uplink
from agent.uplink.channel import open_channel
from collector import kiosk_list
from collector.administering import register
from collector.certificates import CLIENT, Authority, Period
from collector.embedded_registry import EmbeddedRegistry
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, Chain, free_port
from tests.enrolment.centre import Centre, NewKiosk
from tests.uplink.kiosk import SETTINGS, WITHIN_S, await_


@pytest.fixture
def enrolled(serving: Centre, kiosk: NewKiosk) -> Iterator[NewKiosk]:
    """Return a kiosk that is enrolled and registered; the collector takes records."""
    complete(serving, kiosk)
    with serving.taking_records():
        yield kiosk


@pytest.fixture
def aged(serving: Centre, kiosk: NewKiosk) -> Iterator[NewKiosk]:
    """Return a kiosk that enrolled four and a half days ago: its certificate is due now, by TLS's own clock, too."""
    serving.clock.forward(days=-4.5)
    complete(serving, kiosk)
    with serving.taking_records():
        yield kiosk


def complete(centre: Centre, kiosk: NewKiosk) -> None:
    """Enrol a kiosk and register its record key."""
    kiosk.enrol(centre.token(kiosk.name))
    key = create_record_key(InFile(), kiosk.trust)
    register(centre.config, kiosk.name, public_key_pem(key.public_key))


def tls_of(kiosk: NewKiosk) -> TlsFiles:
    """Return its files."""
    return TlsFiles(*(kiosk.trust / "tls" / name for name in ("ca.pem", "client.pem", "client.key")))


class OpenStream:
    """A stream that said where it stands and then says nothing."""

    def __init__(self, kiosk: NewKiosk, name: str = "") -> None:
        self._over = Event()
        self._channel = open_channel(kiosk.centre.config.address, tls_of(kiosk))
        head = epoch_start(kiosk.name, EPOCH, _key_id(kiosk))
        self._call = AppendCall(self._channel, self._requests(Open(name or kiosk.name, EPOCH, 0, head)))

    def _requests(self, greeting: Open) -> Iterator[Open]:
        yield greeting
        self._over.wait(WITHIN_S)

    def first(self) -> object:
        """Return the first answer; raise grpc.RpcError."""
        return next(iter(self._call))

    def end(self) -> tuple[grpc.StatusCode, str]:
        """Wait until the collector ends the stream; return how."""
        with pytest.raises(grpc.RpcError) as raised:
            list(self._call)
        assert isinstance(raised.value, grpc.Call)
        return raised.value.code(), raised.value.details() or ""

    def close(self) -> None:
        """Let go."""
        self._over.set()
        self._call.cancel()
        self._channel.close()


@contextmanager
def stream(kiosk: NewKiosk, name: str = "") -> Iterator[OpenStream]:
    """Open a stream."""
    opened = OpenStream(kiosk, name)
    try:
        yield opened
    finally:
        opened.close()


def _key_id(kiosk: NewKiosk) -> bytes:
    return FileSigningKey.load(kiosk.trust / "record.key").key_id


def enqueue(queue: Queue, chain: Chain) -> str:
    """Sign and store the next record; return its id."""
    entry = chain.entry(bytes(20_000))
    queue.append(entry)
    return peek_record(entry.cose_sign1).core.record_id.hex()


def refusal(kiosk: NewKiosk) -> str:
    """Open a stream that is refused, and return why."""
    with stream(kiosk) as opened:
        code, said = opened.end()
        assert code is grpc.StatusCode.PERMISSION_DENIED
        return said


@contextmanager
def uplink_of(kiosk: NewKiosk) -> Iterator[tuple[Uplink, Queue]]:
    """Run the kiosk's uplink on a queue of its own."""
    key = FileSigningKey.load(kiosk.trust / "record.key")
    head = epoch_start(kiosk.name, EPOCH, key.key_id)
    queue = Queue.open(kiosk.trust / "queue", start=EpochStart(EPOCH, head), settings=SETTINGS)
    uplink = Uplink(
        queue=queue,
        kiosk=kiosk.name,
        addresses=(kiosk.centre.config.address,),
        tls=tls_of(kiosk),
        receipt_keys=kiosk.renewal()._receipt_keys,
        record_key=key,
        jitter=lambda: 0.05,
    )
    cancelled = Event()
    thread = threading.Thread(target=uplink.run, args=(cancelled,))
    thread.start()
    try:
        yield uplink, queue
    finally:
        cancelled.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()
        queue.close()


def test_an_enrolled_kiosk_is_resumed(enrolled: NewKiosk) -> None:
    """And the list says when its certificate was first used."""
    with stream(enrolled) as opened:
        assert isinstance(opened.first(), Resume)
    (row,) = kiosk_list.rows(enrolled.centre.config)
    assert row["state"] == "enrolled"
    assert row["certificate_first_used"] != "—"


def test_revoking_ends_a_live_stream_and_the_next_one_is_refused(enrolled: NewKiosk) -> None:
    """From another process, within a look at the registry; the reason reaches the kiosk."""
    with stream(enrolled) as opened:
        assert isinstance(opened.first(), Resume)
        kiosk_list.revoke(enrolled.centre.config, KIOSK, "stolen")
        assert opened.end() == (grpc.StatusCode.PERMISSION_DENIED, "revoked: stolen")
    assert refusal(enrolled) == "revoked: stolen"


def test_a_revoked_kiosk_comes_back_only_with_a_new_enrolment(enrolled: NewKiosk) -> None:
    """Being on the list again does not make the old certificate good."""
    kiosk_list.revoke(enrolled.centre.config, KIOSK, "lost for a day")
    token = enrolled.centre.token()
    assert refusal(enrolled).startswith("revoked")
    enrolled.enrol(token)
    with stream(enrolled) as opened:
        assert isinstance(opened.first(), Resume)


def test_one_kiosks_end_is_nobody_elses(enrolled: NewKiosk) -> None:
    """The other one's stream goes on."""
    other = NewKiosk.make(enrolled.centre, OTHER_KIOSK)
    complete(enrolled.centre, other)
    with stream(enrolled) as opened, stream(other) as others:
        assert isinstance(opened.first(), Resume)
        assert isinstance(others.first(), Resume)
        kiosk_list.revoke(enrolled.centre.config, KIOSK, "stolen")
        assert opened.end()[0] is grpc.StatusCode.PERMISSION_DENIED
        with stream(other) as again:
            assert isinstance(again.first(), Resume)


def test_a_certificate_that_ends_ends_its_stream(enrolled: NewKiosk) -> None:
    """A stream does not outlive what allowed it."""
    with stream(enrolled) as opened:
        assert isinstance(opened.first(), Resume)
        enrolled.centre.clock.forward(days=7.1)
        assert opened.end() == (grpc.StatusCode.PERMISSION_DENIED, "expired: the certificate has expired")


def test_a_new_certificate_withdraws_the_old_one_when_it_is_first_used(aged: NewKiosk) -> None:
    """A copy of the old files is refused from then on, and its stream ends."""
    clone = aged.copy_to(aged.centre.folder / "clone")
    with stream(clone) as opened:
        assert isinstance(opened.first(), Resume)
        aged.centre.clock.forward(days=4.5)
        aged.renewal().step(Event())
        with stream(aged) as renewed:
            assert isinstance(renewed.first(), Resume)
            assert opened.end()[1].startswith("superseded")
    assert refusal(clone).startswith("superseded")


def test_a_registry_from_a_backup_takes_certificates_that_were_issued_since(aged: NewKiosk, tmp_path: Path) -> None:
    """The CA signed it, so it is good; nobody has to travel after a restore."""
    aged.centre.clock.forward(days=4.5)
    with stream(aged) as opened:
        opened.first()
    registry = aged.centre.config.store / "registry.sqlite"
    with closing(sqlite3.connect(registry)) as rows:
        rows.execute("VACUUM INTO ?", (str(tmp_path / "backup"),))
    aged.renewal().step(Event())
    other = Centre(aged.centre.folder, aged.centre.config, aged.centre.loop, aged.centre.clock)
    for path in registry.parent.glob("registry.sqlite*"):
        path.rename(tmp_path / path.name)
    registry.write_bytes((tmp_path / "backup").read_bytes())
    moved = other.config.model_copy(update={"address": f"127.0.0.1:{free_port()}"})
    restored = Centre(other.folder, moved, other.loop, other.clock)
    aged.centre = restored
    with restored.taking_records(), stream(aged) as opened:
        assert isinstance(opened.first(), Resume)
    assert "adopted" in restored.actions()


def test_a_kiosk_that_is_not_on_the_list_is_refused(serving: Centre, kiosk: NewKiosk) -> None:
    """Even with a certificate of our CA."""
    complete(serving, kiosk)
    now = kiosk.tls.certificate().not_valid_before_utc
    leaf = serving.issuer.authority.issue("kiosk-9", CLIENT, Period.of_days(7, now))
    chain = serving.config.issuing_certificate.read_bytes()
    (kiosk.trust / "tls" / "client.pem").write_bytes(leaf.certificate + chain)
    (kiosk.trust / "tls" / "client.key").write_bytes(leaf.key)
    with serving.taking_records():
        assert refusal(kiosk).startswith("unknown_kiosk")


def test_another_kiosks_name_in_open_is_refused(enrolled: NewKiosk) -> None:
    """The certificate says who it is, not the message."""
    with stream(enrolled, OTHER_KIOSK) as opened:
        assert "UNKNOWN_KIOSK" in str(opened.first())


@pytest.mark.parametrize("wrong", ["other CA", "expired", "none"])
def test_tls_itself_refuses_what_it_can(enrolled: NewKiosk, wrong: str) -> None:
    """Another CA, a certificate that has ended, and none at all get no stream."""
    now = enrolled.tls.certificate().not_valid_before_utc
    authority = Authority.create("stranger", Period.of_days(7, now))
    if wrong == "expired":
        authority = enrolled.centre.issuer.authority
    period = Period(now - timedelta(days=9), now - timedelta(days=1)) if wrong == "expired" else Period.of_days(7, now)
    leaf = authority.issue(KIOSK, CLIENT, period)
    chain = leaf.certificate + enrolled.centre.config.issuing_certificate.read_bytes()
    roots = enrolled.tls.roots.read_bytes()
    pair = (None, None) if wrong == "none" else (leaf.key, chain)
    credentials = grpc.ssl_channel_credentials(roots, *pair)
    with grpc.secure_channel(enrolled.centre.config.address, credentials) as channel:
        call = channel.stream_stream(METHOD, request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError) as raised:
            list(call(iter([b""]), timeout=WITHIN_S))
    assert isinstance(raised.value, grpc.Call)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.slow
def test_a_kiosk_cannot_hold_many_streams(enrolled: NewKiosk) -> None:
    """The oldest go: a network that broke leaves them behind, and a rogue kiosk does not fill the collector."""
    streams = [OpenStream(enrolled) for _ in range(6)]
    try:
        for one in streams:
            with suppress(grpc.RpcError):
                one.first()
        await_(lambda: sum(not one._call._call.is_active() for one in streams) >= 2)
        assert sum(one._call._call.is_active() for one in streams) <= 4
    finally:
        for one in streams:
            one.close()


def test_the_uplink_takes_up_a_new_certificate_by_itself(aged: NewKiosk) -> None:
    """Without a restart, in the middle of a stream: every record is stored once."""
    world, chain = aged.centre.world, Chain(load_trust(aged.trust, time.time_ns()), KIOSK)
    with uplink_of(aged) as (uplink, queue):
        ids = [enqueue(queue, chain) for _ in range(20)]
        await_(lambda: queue.acknowledged > 0)
        aged.centre.clock.forward(days=4.5)
        aged.renewal().step(Event())
        admitted = f"{aged.tls.certificate().serial_number:x}"

        def seen() -> bool:
            with EmbeddedRegistry(world.config.store) as registry, registry._reading() as rows:
                query = "SELECT seen_at_ns FROM certificate WHERE serial = ?"
                return bool(rows.execute(query, (admitted,)).fetchone()[0])

        ids += [enqueue(queue, chain) for _ in range(20)]
        await_(seen)
        await_(lambda: queue.acknowledged == len(ids))
        await_(lambda: uplink.state.connected and uplink.state.last_error is None)
    assert world.stored_ids() == ids


def test_a_revoked_kiosk_tells_its_operator(enrolled: NewKiosk) -> None:
    """Not "the collector does not answer", and it goes on trying: it may be let in again."""
    with uplink_of(enrolled) as (uplink, _):
        await_(lambda: uplink.state.connected)
        kiosk_list.revoke(enrolled.centre.config, KIOSK, "stolen")

        def told() -> bool:
            error = uplink.state.last_error
            return error is not None and error.code == "uplink.kiosk_refused" and "stolen" in error.detail

        await_(told)
        enrolled.enrol(enrolled.centre.token())
        await_(lambda: uplink.state.connected)
