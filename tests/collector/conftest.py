"""A collector set up afresh for a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.sql_store import SqlStore
from tests.collector.postgres.server import Server
from tests.collector.world import Chain, World

BOTH_STORES = ("folder", "postgres")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Run one PostgreSQL server for all tests that do not stop it."""
    with Server.create() as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> str:
    """Make an empty data base and return its address."""
    return postgres.new_data_base(f"test_{next(_numbers)}")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set a collector and two kiosks up in a new folder."""
    return World.make(tmp_path)


def world_on(request: pytest.FixtureRequest, folder: Path) -> World:
    """Set a collector and two kiosks up on the kind of store that the request names."""
    database = request.getfixturevalue("database") if request.param == "postgres" else ""
    return World.make(folder, database=database)


@pytest.fixture
def store(world: World) -> Iterator[SqlStore]:
    """Open the collector's store."""
    with world.store() as opened:
        yield opened


@pytest.fixture
def chain(world: World) -> Chain:
    """Return the first kiosk's chain."""
    return world.chain()
