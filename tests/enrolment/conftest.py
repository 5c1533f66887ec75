"""A centre, a kiosk, and a loop for servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.enrolment.centre import Centre, NewKiosk
from tests.uplink.kiosk import Loop


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """Run one event loop for all servers."""
    running = Loop()
    yield running
    running.close()


@pytest.fixture
def centre(tmp_path: Path, loop: Loop) -> Centre:
    """Set a collector up that knows no kiosk."""
    return Centre.make(tmp_path, loop)


@pytest.fixture
def serving(centre: Centre) -> Iterator[Centre]:
    """Serve the second port."""
    with centre.serving():
        yield centre


@pytest.fixture
def kiosk(centre: Centre) -> NewKiosk:
    """Make a kiosk with nothing but the campaign's public key."""
    return NewKiosk.make(centre)
