"""Several collectors, a proxy in between, and what the policy says of when and how fast: over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from agent.proto.stream import Checkpoint, Limits, Open, Request, Response, Resume
from agent.uplink import Pacing, QuietHours
from agent.uplink.pace import MINUTES_A_DAY
from tests.collector.world import World, free_port
from tests.uplink.conftest import Serve
from tests.uplink.connect_proxy import connect_proxy
from tests.uplink.kiosk import Kiosk, Loop, await_


def test_the_next_collector_takes_over_and_the_first_gets_the_kiosk_back(
    world: World, kiosk: Kiosk, loop: Loop
) -> None:
    """Records go to the fallback while the first is away, and to the first again when it answers; each once."""
    second = world.config.model_copy(update={"address": f"127.0.0.1:{free_port()}"})
    addresses = (world.config.address, second.address)
    with ExitStack() as stack:
        service = world.service(stack.enter_context(world.store()))
        stack.callback(service.close)
        stack.enter_context(loop.serving(second, service))
        uplink = stack.enter_context(kiosk.uplink(addresses=addresses, back_after_s=0.2))
        ids = kiosk.enqueue(3)
        kiosk.await_acknowledged(3)
        assert uplink.state.address == second.address
        with loop.serving(world.config, service):
            await_(lambda: uplink.state.connected and uplink.state.address == world.config.address)
            ids += kiosk.enqueue(2)
            kiosk.await_acknowledged(5)
    assert world.stored_ids() == ids


def test_records_go_through_a_proxy(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """The tunnel is asked for by the collector's own name; TLS is end to end, so the proxy sees no record."""
    with serve(), connect_proxy() as proxy, kiosk.uplink(proxy=proxy.url):
        ids = kiosk.enqueue(3)
        kiosk.await_acknowledged(3)
    assert set(proxy.asked) == {world.config.address}
    assert world.stored_ids() == ids


def test_a_proxy_that_refuses_is_named(kiosk: Kiosk, serve: Serve) -> None:
    """The cause is the proxy and not the collector."""
    with serve(), connect_proxy(status=403) as proxy, kiosk.uplink(proxy=proxy.url) as uplink:
        assert "403" in kiosk.await_error(uplink, "uplink.proxy_refused")


def test_a_proxy_that_is_away_is_named(kiosk: Kiosk, serve: Serve) -> None:
    """Nobody listens at the proxy's address."""
    with serve(), kiosk.uplink(proxy=f"http://127.0.0.1:{free_port()}") as uplink:
        kiosk.await_error(uplink, "uplink.proxy_down")


@pytest.mark.parametrize(
    "answer", [pytest.param(b"", marks=pytest.mark.slow), b"SSH-2.0\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"x" * 9000]
)
def test_what_is_no_proxy_is_told_as_one_that_refuses(kiosk: Kiosk, loop: Loop, answer: bytes) -> None:
    """Whatever answers at the proxy's address, cut short or endless, cannot hang or confuse the kiosk."""

    async def answer_and_go(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server = loop.call(asyncio.start_server(answer_and_go, "127.0.0.1", 0))
    try:
        with kiosk.uplink(proxy=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as uplink:
            await_(
                lambda: getattr(uplink.state.last_error, "code", "") in {"uplink.proxy_refused", "uplink.proxy_down"}
            )
    finally:
        loop.call(_closed(server))


async def _closed(server: asyncio.Server) -> None:
    server.close()


def test_in_quiet_hours_records_wait_and_leave_when_the_policy_changes(kiosk: Kiosk, serve: Serve) -> None:
    """The connection stands, nothing is sent, and a new policy is followed without a new connection."""
    always = Pacing(None, (QuietHours(0, MINUTES_A_DAY),))
    with serve(), kiosk.uplink(pacing=always) as uplink:
        kiosk.enqueue(2)
        await_(lambda: uplink.state.quiet)
        assert uplink.state.connected
        assert kiosk.queue.acknowledged == 0
        uplink.change(Pacing(), kiosk.trust.receipt_keys)
        kiosk.await_acknowledged(2)
        assert not uplink.state.quiet


def test_a_capped_uplink_delivers_everything_once(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """A low cap slows and loses nothing."""
    with serve(), kiosk.uplink(pacing=Pacing(max_bytes_per_s=100_000)):
        ids = kiosk.enqueue(6, size=10_000)
        kiosk.await_acknowledged(6)
    assert world.stored_ids() == ids


def test_a_checkpoint_follows_the_last_record_when_it_is_quiet(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """A tail that is cut off at the collector is noticed: it was told where the kiosk stands."""
    seen: list[Checkpoint] = []

    async def listens(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        async for request in requests:
            if isinstance(request, Open):
                head = kiosk.queue.head_before(0)
                yield Resume(0, head, Limits(100, 2**24, 2**20), 0)
            elif isinstance(request, Checkpoint):
                seen.append(request)

    with serve(listens), kiosk.uplink():
        await_(lambda: len(seen) == 1)
        kiosk.enqueue(3)
        await_(lambda: bool(seen) and seen[-1].next_seq == 3)
        assert seen[-1].head == kiosk.queue.position.head
