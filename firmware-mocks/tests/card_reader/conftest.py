"""Readers under test, and a PC/SC client in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from firmware_mocks.card_reader import CardReader, NotInstalled
from firmware_mocks.card_reader.requirements import check

Talk = Callable[[CardReader, dict[str, object]], dict[str, object]]

# libpcsclite keeps the daemon's address for the life of a process, so every conversation is a process.
CLIENT = Path(__file__).parent / "client.py"


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    try:
        check()
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[CardReader]:
    """Open a reader for one test."""
    with CardReader(tmp_path / "reader") as opened:
        yield opened


@pytest.fixture
def talk() -> Talk:
    """Run one conversation with the reader's card and return what the client saw."""

    def run(reader: CardReader, order: dict[str, object]) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, str(CLIENT)],
            input=json.dumps(order),
            env={**os.environ, "PCSCLITE_CSOCK_NAME": str(reader.socket)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        seen: dict[str, object] = json.loads(done.stdout)
        return seen

    return run
