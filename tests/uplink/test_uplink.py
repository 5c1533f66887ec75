from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agent.proto.stream import (
    Ack,
    AppendServicer,
    Checkpoint,
    Limits,
    Open,
    Pushback,
    Reject,
    RejectCode,
    Request,
    Response,
    Resume,
    SealedRecord,
)
from agent.sealing import FileSigningKey, Receipt, sign_receipt
from agent.uplink import diagnosis
from agent.uplink.stream import Patience
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, Chain, World
from tests.uplink.conftest import Serve
from tests.uplink.kiosk import Kiosk, await_

LIMITS = Limits(8, 2**20, 2**20)
IMPATIENT = Patience(resume_s=0.3, ack_s=0.3, slowest_bytes_per_s=1e9)


@contextmanager
def black_hole(world: World) -> Iterator[None]:
    """Accept connections at the collector's address and say nothing, not even in TLS."""
    host, _, port = world.config.address.rpartition(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen()
        yield


def receipt(world: World, kiosk: Kiosk, through_seq: int) -> Receipt:
    """Return the receipt that a true collector would sign for everything up to a seq."""
    head = kiosk.queue.read(through_seq).payload_sha256
    return Receipt("centre", KIOSK, EPOCH, through_seq, head, (), 1)


def signed(world: World, told: Receipt) -> Ack:
    """Return the acknowledgement with this receipt, signed by the collector's own key."""
    key = FileSigningKey.load(world.config.keys / "receipt.key")
    return Ack(told.through_seq, told.head, sign_receipt(told, key))


def start(kiosk: Kiosk, seq: int = 0) -> Resume:
    """Return the Resume of a collector that has everything below `seq`."""
    return Resume(seq, kiosk.queue.read(seq).prev, LIMITS, 0)


async def forever() -> None:
    """Never return."""
    await asyncio.Event().wait()


def test_the_queue_drains_and_every_record_is_stored_once(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """What was enqueued before and during the connection arrives, in order."""
    ids = kiosk.enqueue(20)
    with serve(), kiosk.uplink() as uplink:
        kiosk.await_acknowledged(20)
        assert uplink.state.connected
        assert uplink.state.sent_seq == 19
        assert uplink.state.last_error is None
        assert uplink.state.collector_offset_ns is not None
        ids += kiosk.enqueue(5)
        kiosk.await_acknowledged(25)
    assert world.stored_ids() == ids
    assert not uplink.state.connected


def test_a_collector_that_comes_later_gets_everything(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """While it is down the true cause is told; nothing has to be done by hand."""
    ids = kiosk.enqueue(3)
    with kiosk.uplink() as uplink:
        assert world.config.address in kiosk.await_error(uplink, "uplink.collector_down")
        with serve():
            kiosk.await_acknowledged(3)
            await_(lambda: uplink.state.last_error is None)
    assert world.stored_ids() == ids


def test_a_kiosk_that_died_between_sending_and_receipt_gets_it_later(world: World, serve: Serve) -> None:
    """The records are stored but no receipt came; after a restart they are not sent again, and are receipted."""
    with world.store() as store, Kiosk(world) as kiosk:
        ids = kiosk.enqueue(4)
        service = world.service(store)

        class Mute(AppendServicer):
            async def append(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncIterator[Response]:
                async for response in service.append(requests, peer_name):
                    if isinstance(response, Resume):
                        yield response

        with serve(Mute()), kiosk.uplink():
            await_(lambda: len(world.stored_ids()) == 4)
        service.close()
        assert kiosk.queue.acknowledged == 0
    with Kiosk(world) as restarted, serve(), restarted.uplink() as uplink:
        restarted.await_acknowledged(4)
        assert uplink.state.sent_seq == 3
    assert world.stored_ids() == ids


def test_the_window_follows_the_collectors_limits(kiosk: Kiosk, serve: Serve) -> None:
    """No more records are under way than allowed, and the next ones come after the receipt."""
    kiosk.enqueue(6)
    got: list[int] = []
    released: list[bool] = []

    async def slow(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        yield replace(start(kiosk), limits=Limits(2, 2**20, 2**20))
        async for request in requests:
            if isinstance(request, Checkpoint):
                continue
            assert isinstance(request, SealedRecord)
            got.append(request.seq)
            if len(got) == 2:
                while not released:
                    await asyncio.sleep(0.01)
                yield signed(kiosk.world, receipt(kiosk.world, kiosk, 1))

    with serve(slow), kiosk.uplink() as uplink:
        await_(lambda: len(got) == 2)
        assert uplink.state.sent_seq == 1
        released.append(True)
        await_(lambda: len(got) == 4)
        assert kiosk.queue.acknowledged == 2


@pytest.mark.parametrize(
    "forge",
    [
        lambda r: replace(r, kiosk=OTHER_KIOSK),
        lambda r: replace(r, epoch=2),
        lambda r: replace(r, head=bytes(32)),
        lambda r: replace(r, through_seq=1),
        lambda r: replace(r, through_seq=99),
    ],
    ids=["kiosk", "epoch", "head", "another seq", "a seq that was never made"],
)
def test_a_receipt_that_names_anything_else_is_not_believed(
    world: World, kiosk: Kiosk, serve: Serve, forge: Callable[[Receipt], Receipt]
) -> None:
    """Although the signature is right: nothing is acknowledged, and the uplink stays away until people look."""
    kiosk.enqueue(3)

    async def rogue(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        yield start(kiosk)
        yield signed(world, forge(receipt(world, kiosk, 0)))
        await forever()

    with serve(rogue), kiosk.uplink() as uplink:
        kiosk.await_error(uplink, "uplink.receipt_not_believed")
    assert kiosk.queue.acknowledged == 0


@pytest.mark.parametrize("forge", ["another key", "another seq beside it", "another head beside it", "cut", "empty"])
def test_a_receipt_with_a_wrong_envelope_is_not_believed(world: World, kiosk: Kiosk, serve: Serve, forge: str) -> None:
    """The signing key must be in the bundle, and the message around the receipt must say the same."""
    kiosk.enqueue(3)
    true = signed(world, receipt(world, kiosk, 0))
    stranger = FileSigningKey.create(world.folder / "stranger.key")
    ack = {
        "another key": replace(true, receipt=sign_receipt(receipt(world, kiosk, 0), stranger)),
        "another seq beside it": replace(true, through_seq=1),
        "another head beside it": replace(true, head=bytes(32)),
        "cut": replace(true, receipt=true.receipt[:-1]),
        "empty": replace(true, receipt=b""),
    }[forge]

    async def rogue(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        yield start(kiosk)
        yield ack
        await forever()

    with serve(rogue), kiosk.uplink() as uplink:
        kiosk.await_error(uplink, "uplink.receipt_not_believed")
    assert kiosk.queue.acknowledged == 0


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (lambda k: replace(start(k), head=bytes(32)), "uplink.fork"),
        (lambda k: replace(start(k, 2), next_seq=1), "uplink.fork"),
        (lambda k: replace(start(k, 2), next_seq=99), "uplink.fork"),
    ],
    ids=["another head", "head of another place", "ahead of the kiosk"],
)
def test_a_position_that_does_not_fit_stops_the_uplink(
    kiosk: Kiosk, serve: Serve, where: Callable[[Kiosk], Resume], code: str
) -> None:
    """FORK is never resolved by a guess; nothing is sent."""
    kiosk.enqueue(3)
    opened, got = [], []

    async def forked(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        opened.append(await anext(requests))
        yield where(kiosk)
        async for request in requests:
            got.append(request)

    with serve(forked), kiosk.uplink() as uplink:
        kiosk.await_error(uplink, code)
    assert (len(opened), got) == (1, [])


def test_a_cloned_disk_is_told_to_both_sides(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """The clone stops with FORK; the collector keeps the first kiosk's records."""
    ids = kiosk.enqueue(2)
    with serve(), kiosk.uplink():
        kiosk.await_acknowledged(2)
    with Kiosk(world, "clone") as clone, serve():
        for already in (1, 2, 3):
            clone.enqueue(already - clone.queue.position.next_seq)
            with clone.uplink() as uplink:
                clone.await_error(uplink, "uplink.fork")
    assert world.stored_ids() == ids


@pytest.mark.parametrize(
    ("code", "told", "fatal"),
    [
        (RejectCode.INVALID_RECORD, "uplink.rejected", True),
        (RejectCode.OUT_OF_RANGE, "uplink.position_unknown", True),
        (RejectCode.FORK, "uplink.fork", True),
        (RejectCode.UNKNOWN_EPOCH, "uplink.position_unknown", True),
        (RejectCode.UNKNOWN_KIOSK, "uplink.not_registered", False),
        (RejectCode.TEST_RECORD, "uplink.test_records_refused", False),
    ],
)
def test_a_rejection_is_told_and_only_what_can_change_is_tried_again(
    kiosk: Kiosk, serve: Serve, code: RejectCode, told: str, fatal: bool
) -> None:
    """Registering the kiosk at the centre needs no restart here; a fork is never retried."""
    kiosk.enqueue(1)
    streams = itertools.count(1)
    seen = [0]

    async def refusing(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        seen[0] = next(streams)
        await anext(requests)
        yield Reject(code, "because", 7)

    with serve(refusing), kiosk.uplink() as uplink:
        assert "seq 7: because" in kiosk.await_error(uplink, told)
        if not fatal:
            await_(lambda: seen[0] >= 2)
        assert uplink.state.last_error is not None
        assert getattr(uplink.state.last_error, "fatal", None) is fatal


def test_pushback_is_honoured(kiosk: Kiosk, serve: Serve) -> None:
    """The collector's reason is told, and the wait it asked for is kept before the next attempt."""
    opened: list[Request] = []

    async def busy(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        opened.append(await anext(requests))
        yield Pushback(3_600_000, "maintenance")

    with serve(busy), kiosk.uplink() as uplink:
        assert kiosk.await_error(uplink, "uplink.collector_busy") == "maintenance"
    assert len(opened) == 1


def test_an_error_inside_the_collector_is_not_called_unreachable(kiosk: Kiosk, serve: Serve) -> None:
    """It answers, with an error of its own: another person has to look."""

    async def broken(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        raise RuntimeError("a bug at the collector")
        yield

    with serve(broken), kiosk.uplink() as uplink:
        kiosk.await_error(uplink, "uplink.collector_failed")


@pytest.mark.parametrize("script", ["no resume", "no ack"])
def test_a_collector_that_hangs_is_given_up(kiosk: Kiosk, serve: Serve, script: str) -> None:
    """TCP and TLS work, the program says nothing: that is told, and tried again."""
    kiosk.enqueue(1)
    opened: list[Request] = []

    async def hanging(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        opened.append(await anext(requests))
        if script == "no ack":
            yield start(kiosk)
        await forever()

    with serve(hanging), kiosk.uplink(patience=IMPATIENT) as uplink:
        kiosk.await_error(uplink, "uplink.collector_silent")
        await_(lambda: len(opened) >= 2)


@pytest.mark.parametrize("script", ["greeting", "receiving"])
def test_the_uplink_ends_although_the_collector_hangs(kiosk: Kiosk, serve: Serve, script: str) -> None:
    """Stopping the daemon never waits for the other end: the fixture fails when the thread stays."""
    kiosk.enqueue(8, size=200_000)
    reached: list[bool] = []

    async def hanging(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        reached.append(True)
        if script == "receiving":
            yield replace(start(kiosk), limits=Limits(100, 2**30, 2**20))
        await forever()

    with serve(hanging), kiosk.uplink():
        await_(lambda: bool(reached))


def test_the_uplink_ends_although_nothing_answers_at_all(world: World, kiosk: Kiosk) -> None:
    """Packets that vanish must not hold the daemon back."""
    with black_hole(world), kiosk.uplink():
        pass


def test_a_black_hole_is_told_as_silence(world: World, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody accepts and never speaks TLS."""
    monkeypatch.setattr(diagnosis, "STEP_S", 0.2)
    with black_hole(world), kiosk.uplink(patience=IMPATIENT) as uplink:
        kiosk.await_error(uplink, "uplink.collector_silent")


@pytest.mark.parametrize(
    "answers",
    [
        lambda k: [signed(k.world, receipt(k.world, k, 0))],
        lambda k: [start(k), start(k)],
    ],
    ids=["receipt before resume", "resume twice"],
)
def test_answers_at_the_wrong_time_are_refused(
    kiosk: Kiosk, serve: Serve, answers: Callable[[Kiosk], list[Response]]
) -> None:
    """A collector that does not keep to the protocol is not followed."""
    kiosk.enqueue(2)

    async def odd(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        for answer in answers(kiosk):
            yield answer
        await forever()

    with serve(odd), kiosk.uplink() as uplink:
        kiosk.await_error(uplink, "proto.invalid")
    assert kiosk.queue.acknowledged == 0


def test_a_record_that_is_not_ours_is_never_sent(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """A record whose signature is not by this kiosk's key stops the uplink here, before it can do harm there."""
    stranger = Chain(world.trust(OTHER_KIOSK), KIOSK)
    stranger.head = kiosk.chain.head
    kiosk.queue.append(stranger.entry())
    with serve(), kiosk.uplink() as uplink:
        assert "seq 0" in kiosk.await_error(uplink, "uplink.own_record_broken")
    assert world.stored_ids() == []


def test_quarantined_records_stay_visible(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """These people must be taken in again: their seqs are told until the collector says otherwise."""
    kiosk.queue.append(kiosk.chain.entry(kiosk=OTHER_KIOSK))
    kiosk.enqueue(1)
    with serve(), kiosk.uplink() as uplink:
        kiosk.await_acknowledged(2)
        await_(lambda: uplink.state.quarantined == (0,))


def test_a_bug_does_not_end_the_uplink(
    world: World, kiosk: Kiosk, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by type and place, without its message, and tried again."""
    kiosk.enqueue(1)
    acknowledge = kiosk.queue.acknowledge

    def once(through_seq: int, head: bytes, receipted_at_ns: int) -> None:
        monkeypatch.setattr(kiosk.queue, "acknowledge", acknowledge)
        raise ZeroDivisionError("Nguyễn Văn Đức")

    monkeypatch.setattr(kiosk.queue, "acknowledge", once)
    with capture_logs() as events, serve(), kiosk.uplink():
        kiosk.await_acknowledged(1)
    (bug,) = [event for event in events if event["event"] == "uplink.bug"]
    assert bug["kind"] == "ZeroDivisionError"
    assert "Đức" not in str(events)


def test_the_greeting_is_where_the_kiosk_stands(kiosk: Kiosk, serve: Serve) -> None:
    """Name, epoch, next seq and head of the chain."""
    kiosk.enqueue(2)
    opened: list[Request] = []

    async def noting(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        opened.append(await anext(requests))
        await forever()
        yield Pushback(0, "")

    with serve(noting), kiosk.uplink():
        await_(lambda: bool(opened))
    assert opened == [Open(KIOSK, EPOCH, 2, kiosk.queue.position.head)]
