"""A collector set up afresh, whose keys open what its kiosks seal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collector.world import Chain, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set a collector and two kiosks up in a new folder."""
    return World.make(tmp_path)


@pytest.fixture
def chain(world: World) -> Chain:
    """Return the first kiosk's chain."""
    return world.chain()
