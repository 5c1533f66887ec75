from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import grpc
import pytest

from agent.proto.stream import METHOD, AppendCall, Open, Reject, RejectCode, Request, Response, Resume, decode_response
from agent.uplink.channel import open_channel
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, World
from tests.uplink.kiosk import CollectorProcess, Kiosk, await_

WITHIN_S = 40.0
# A kiosk that drains its queue until it is killed.
DRAINS = """
import sys, threading
from pathlib import Path
from collector.config import load_config
from tests.collector.world import World
from tests.uplink.kiosk import Kiosk
folder = Path(sys.argv[1])
with Kiosk(World(folder, load_config(folder / "collector"))) as kiosk:
    print("draining", flush=True)
    kiosk.new_uplink().run(threading.Event())
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run one collector in a process of its own, for tests that leave it as it is."""
    world = World.make(tmp_path_factory.mktemp("served"))
    collector = CollectorProcess(world.folder / "collector")
    yield world
    assert collector.stop() == 0


@contextmanager
def talking(
    world: World, kiosk: str, requests: list[Request], *, data: bytes | None = None
) -> Iterator[list[Response]]:
    """Send as a client that keeps to no rule, with a kiosk's own certificate; give what came back."""
    channel = open_channel(world.config.address, world.trust(kiosk).tls)
    try:
        if data is None:
            yield list(AppendCall(channel, requests))
        else:
            call = channel.stream_stream(METHOD, request_serializer=bytes, response_deserializer=bytes)
            yield [decode_response(answer) for answer in call(iter([data]), timeout=WITHIN_S)]
    finally:
        channel.close()


def test_a_collector_killed_at_any_moment_stores_every_record_once(world: World) -> None:
    """Kill -9 while records stream in, again and again: everything enqueued is there, once, in order."""
    with Kiosk(world) as kiosk, kiosk.uplink():
        ids: list[str] = []
        dice = random.Random(7)  # noqa: S311 # moments to kill at, no secrets
        for _ in range(4):
            collector = CollectorProcess(world.folder / "collector")
            before = kiosk.queue.acknowledged
            ids += kiosk.enqueue(60, size=30_000)
            goal = before + dice.randrange(1, 50)
            await_(lambda goal=goal: kiosk.queue.acknowledged >= goal)  # type: ignore[misc] # mypy wants no default here
            collector.kill()
        collector = CollectorProcess(world.folder / "collector")
        kiosk.await_acknowledged(len(ids))
        assert collector.stop() == 0
    assert world.stored_ids() == ids


def test_a_kiosk_killed_at_any_moment_loses_and_doubles_nothing(world: World) -> None:
    """Kill -9 of the kiosk while it sends; the next one goes on from the collector's position."""
    collector = CollectorProcess(world.folder / "collector")
    with Kiosk(world) as kiosk:
        ids = kiosk.enqueue(150, size=30_000)
    for _ in range(3):
        command = [sys.executable, "-c", DRAINS, str(world.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sender:
            stored = len(world.stored_ids())
            await_(lambda stored=stored: len(world.stored_ids()) > min(stored, 149))  # type: ignore[misc]
            sender.send_signal(signal.SIGKILL)
    with Kiosk(world) as kiosk, kiosk.uplink():
        kiosk.await_acknowledged(150)
    assert collector.stop() == 0
    assert world.stored_ids() == ids


def test_sigterm_ends_open_streams_at_once_and_without_loss(world: World) -> None:
    """The kiosk stays connected while the collector stops: it is asked to come back, and everything is receipted."""
    collector = CollectorProcess(world.folder / "collector")
    with Kiosk(world) as kiosk, kiosk.uplink() as uplink:
        ids = kiosk.enqueue(5)
        kiosk.await_acknowledged(5)
        assert collector.stop() == 0
        kiosk.await_error(uplink, "uplink.collector_busy")
    assert world.stored_ids() == ids
    events = "".join(collector.lines)
    assert "collector.stopped" in events
    assert "Traceback" not in (world.folder / "collector" / "log").read_text(encoding="utf-8")


def test_a_client_that_sends_nothing_holds_nobody_back(served: World) -> None:
    """A client that never sends Open is not answered and harms nobody else."""
    channel = open_channel(served.config.address, served.trust().tls)
    silent = channel.stream_stream(METHOD, request_serializer=bytes, response_deserializer=bytes)
    waiting = Event()

    def nothing() -> Iterator[bytes]:
        waiting.wait(WITHIN_S)
        yield from ()

    call = silent(nothing())
    try:
        chain = served.chain(OTHER_KIOSK)
        with talking(served, OTHER_KIOSK, [Open(OTHER_KIOSK, EPOCH, 0, chain.head)]) as answers:
            assert isinstance(answers[0], Resume)
    finally:
        call.cancel()
        waiting.set()
        channel.close()


def test_a_rogue_kiosk_cannot_take_another_name(served: World) -> None:
    """Its certificate says who it is."""
    chain = served.chain(KIOSK)
    with talking(served, OTHER_KIOSK, [Open(KIOSK, EPOCH, 0, chain.head), chain.record()]) as answers:
        (answer,) = answers
    assert isinstance(answer, Reject)
    assert answer.code is RejectCode.UNKNOWN_KIOSK
    assert served.stored_ids() == []


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x0a\x02\x08"], ids=["empty", "garbage", "cut"])
def test_malformed_messages_end_their_stream_only(served: World, data: bytes) -> None:
    """They are refused in words, and the collector goes on."""
    with talking(served, KIOSK, [], data=data) as answers:
        assert len(answers) == 1


def test_oversized_messages_are_refused_before_they_are_read(served: World) -> None:
    """GRPC's own limit holds."""
    with pytest.raises(grpc.RpcError) as raised, talking(served, KIOSK, [], data=bytes(70 * 2**20)):
        pass
    assert isinstance(raised.value, grpc.Call)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_client_without_a_certificate_gets_nothing(served: World) -> None:
    """MTLS is required."""
    credentials = grpc.ssl_channel_credentials((served.config.tls / "ca.pem").read_bytes())
    with grpc.secure_channel(served.config.address, credentials) as channel:
        call = channel.stream_stream(METHOD, request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError) as raised:
            list(call(iter([b""]), timeout=WITHIN_S))
    assert isinstance(raised.value, grpc.Call)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_two_collectors_cannot_serve_one_store(served: World) -> None:
    """The second one is told so and leaves the first one alone."""
    command = [sys.executable, "-m", "collector.cli", "serve", "--config", str(served.folder / "collector"), "--json"]
    second = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN_S)
    assert second.returncode == 1
    assert "collector.store_in_use" in second.stdout
    with talking(served, KIOSK, [Open(KIOSK, EPOCH, 0, served.chain().head)]) as answers:
        assert isinstance(answers[0], Resume)
