"""A kiosk with real keys and a queue of sealed records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.world import World
from tests.uplink.kiosk import Kiosk


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
def queue_folder(kiosk: Kiosk) -> Path:
    """Return the open queue's folder."""
    return kiosk.world.folder / "queue"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Return the folder of a disk that is carried."""
    (tmp_path / "usb").mkdir()
    return tmp_path / "usb"
