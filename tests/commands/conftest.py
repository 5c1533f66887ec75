"""The command line against a kiosk's API on a real Unix socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from tests.console.service import ScriptedKiosk, serving

Run = Callable[..., Result]


@pytest.fixture
def kiosk() -> ScriptedKiosk:
    """Return the service behind the API."""
    return ScriptedKiosk()


@pytest.fixture
def run(kiosk: ScriptedKiosk, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs `kiosk` with these arguments against the served API."""
    with serving(kiosk, tmp_path / "kiosk.sock") as path:

        def kiosk_command(*arguments: object, typed: str = "") -> Result:
            environment = {"KIOSK_SOCKET": str(path), "COLUMNS": "200", "KIOSK_CONFIG": str(tmp_path / "kiosk.toml")}
            return CliRunner().invoke(app, [str(a) for a in arguments], env=environment, input=typed)

        yield kiosk_command
