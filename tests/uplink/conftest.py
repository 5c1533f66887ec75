"""A world, its kiosk, and a loop for servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from agent.proto.stream import AppendServicer
from tests.collector.world import World
from tests.uplink.kiosk import Kiosk, Loop, Script, Scripted


class Serve(Protocol):
    """Serves at the world's address until the end of the `with`."""

    def __call__(self, servicer: AppendServicer | Script | None = None) -> AbstractContextManager[None]:
        """Serve a servicer or a script; the real collector by default."""
        ...


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """Run one event loop for all servers."""
    running = Loop()
    yield running
    running.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set a collector and two kiosks up in a new folder."""
    return World.make(tmp_path)


@pytest.fixture
def kiosk(world: World) -> Iterator[Kiosk]:
    """Open the first kiosk's queue."""
    with Kiosk(world) as opened:
        yield opened


@pytest.fixture
def serve(world: World, loop: Loop) -> Serve:
    """Return a function that serves at the collector's address."""

    @contextmanager
    def serving(servicer: AppendServicer | Script | None = None) -> Iterator[None]:
        with ExitStack() as stack:
            if servicer is None:
                service = world.service(stack.enter_context(world.store()))
                stack.callback(service.close)
                servicer = service
            elif not isinstance(servicer, AppendServicer):
                servicer = Scripted(servicer)
            stack.enter_context(loop.serving(world.config, servicer))
            yield

    return serving
