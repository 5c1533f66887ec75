"""A kiosk's API on a Unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.console.client import KioskClient
from tests.console.service import ScriptedKiosk, serving


@pytest.fixture
def kiosk() -> ScriptedKiosk:
    """Return the service behind the API."""
    return ScriptedKiosk()


@pytest.fixture
def socket_path(kiosk: ScriptedKiosk, tmp_path: Path) -> Iterator[Path]:
    """Serve it."""
    with serving(kiosk, tmp_path / "kiosk.sock") as path:
        yield path


@pytest.fixture
def client(socket_path: Path) -> Iterator[KioskClient]:
    """Connect to it."""
    with KioskClient(socket_path) as connected:
        yield connected
