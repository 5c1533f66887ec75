"""A collector set up afresh for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.embedded_store import EmbeddedStore
from tests.collector.world import Chain, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set a collector and two kiosks up in a new folder."""
    return World.make(tmp_path)


@pytest.fixture
def store(world: World) -> Iterator[EmbeddedStore]:
    """Open the collector's store."""
    with world.store() as opened:
        yield opened


@pytest.fixture
def chain(world: World) -> Chain:
    """Return the first kiosk's chain."""
    return world.chain()
