"""Servers, collectors and machines that die: nothing that was acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from collector.config import load_config
from collector.errors import StoreFailed
from collector.postgres import PostgresStore
from tests.collector.postgres.server import Server
from tests.collector.world import KIOSK, OTHER_KIOSK, World, free_port, new_record, position
from tests.uplink.kiosk import WITHIN_S, CollectorProcess, Kiosk, await_

RECORD = 20_000


@pytest.fixture
def primary() -> Iterator[Server]:
    """Run a server that the test may kill."""
    with Server.create() as server:
        yield server


def second_collector(world: World) -> World:
    """Return the same collector at another address; the list of kiosks is shared, as on one machine."""
    folder = world.folder / "collector-2"
    folder.mkdir()
    for name in ("keys", "tls"):
        shutil.copytree(world.folder / "collector" / name, folder / name)
    settings = (world.folder / "collector" / "collector.toml").read_text(encoding="utf-8")
    here, there = world.config.address, f"127.0.0.1:{free_port()}"
    shared = f'store = "{world.config.store}"\n'
    (folder / "collector.toml").write_text(settings.replace(here, there) + shared, encoding="utf-8")
    return World(world.folder, load_config(folder))


@contextmanager
def serving(folder: Path) -> Iterator[CollectorProcess]:
    """Run `collector serve`, which must end well."""
    collector = CollectorProcess(folder)
    try:
        yield collector
    except BaseException:
        collector.kill()
        raise
    assert collector.stop() == 0


def ids_of(world: World, kiosk: str) -> list[str]:
    """Return the ids of a kiosk's stored records, oldest first."""
    with world.store() as store:
        return [row.record_id.hex() for row in reversed(store.records(100_000)) if row.kiosk == kiosk]


def test_streams_move_between_two_collectors_on_one_data_base(tmp_path: Path, database: str) -> None:
    """Two kiosks change sides again and again, and one collector is killed: every record is there once, in order."""
    first = World.make(tmp_path, database=database)
    addresses = [first.config.address, second_collector(first).config.address]
    with (
        serving(tmp_path / "collector-2"),
        Kiosk(first, "queue-1", KIOSK) as one,
        Kiosk(first, "queue-2", OTHER_KIOSK) as two,
    ):
        collector = CollectorProcess(tmp_path / "collector")
        ids: dict[str, list[str]] = {KIOSK: [], OTHER_KIOSK: []}
        for turn in range(4):
            if turn == 2:
                collector.kill()
                collector = CollectorProcess(tmp_path / "collector")
            for kiosk in (one, two):
                ids[kiosk.name] += kiosk.enqueue(25, RECORD)
            with one.uplink(addresses=(addresses[turn % 2],)), two.uplink(addresses=(addresses[1 - turn % 2],)):
                # Left in the middle: what is under way is sent again, to the other collector.
                await_(lambda turn=turn: min(k.queue.acknowledged for k in (one, two)) > 20 * turn)  # type: ignore[misc] # mypy wants no default here
        with one.uplink(addresses=(addresses[1],)), two.uplink(addresses=(addresses[0],)):
            for kiosk in (one, two):
                kiosk.await_acknowledged(100)
        assert collector.stop() == 0
    assert ids_of(first, KIOSK) == ids[KIOSK]
    assert ids_of(first, OTHER_KIOSK) == ids[OTHER_KIOSK]


@pytest.mark.slow
def test_a_data_base_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, primary: Server) -> None:
    """Kill -9 of all of PostgreSQL while records stream in: the collector stays, and goes on when it is back."""
    world = World.make(tmp_path, database=primary.new_data_base("identities"))
    dice = random.Random(11)  # noqa: S311 # moments to kill at, no secrets
    with serving(tmp_path / "collector"), Kiosk(world) as kiosk, kiosk.uplink():
        ids: list[str] = []
        for _ in range(2):
            before = kiosk.queue.acknowledged
            ids += kiosk.enqueue(60, RECORD)
            goal = before + dice.randrange(1, 50)
            await_(lambda goal=goal: kiosk.queue.acknowledged >= goal)  # type: ignore[misc] # mypy wants no default here
            primary.kill()
            primary.start()
        kiosk.await_acknowledged(len(ids))
    assert world.stored_ids() == ids


@contextmanager
def followed(primary: Server) -> Iterator[Server]:
    """Give a standby that must confirm every commit of the primary."""
    with ExitStack() as stack:
        standby = stack.enter_context(primary.standby())
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.reload()
        state = "SELECT sync_state FROM pg_stat_replication"
        await_(lambda: primary.execute(state) == [("sync",)])
        yield standby


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_failover(tmp_path: Path, primary: Server) -> None:
    """The primary dies while records stream in and its standby is promoted: all that had a receipt is there."""
    primary.new_data_base("identities")
    with followed(primary) as standby:
        hosts = f"host={primary.folder},{standby.folder} dbname=identities user=kiosk"
        world = World.make(tmp_path, database=hosts)
        with serving(tmp_path / "collector"), Kiosk(world) as kiosk, kiosk.uplink():
            ids = kiosk.enqueue(100, RECORD)
            await_(lambda: kiosk.queue.acknowledged >= 20)
            primary.kill()
            acknowledged = kiosk.queue.acknowledged
            standby.execute("SELECT pg_promote()")
            assert position(PostgresStore(standby.address("identities"))).next_seq >= acknowledged
            kiosk.await_acknowledged(len(ids))
        assert world.stored_ids() == ids


def test_a_commit_that_no_standby_confirmed_is_not_acknowledged(tmp_path: Path, primary: Server) -> None:
    """A cancelled wait is "committed" with a warning; we sign only when a later commit has reached the standby."""
    address = primary.new_data_base("identities")
    world = World.make(tmp_path, database=address)
    with followed(primary) as standby, PostgresStore(address) as store:
        before, records = position(store), [new_record(world.chain())]
        standby.stop()
        with ThreadPoolExecutor(1) as thread:
            appending = thread.submit(store.append, before, records, 1)
            cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            # Making the day's partitions is the first thing that waits, the record the second.
            await_(lambda: primary.execute(cancel) is not None and appending.done())
            with pytest.raises(StoreFailed, match="synchronous replication"):
                appending.result(WITHIN_S)
        assert position(store).next_seq == 1, "committed on the primary alone"
        with PostgresStore(address, call_within_s=1) as other, pytest.raises(StoreFailed):
            other.settle(position(store))
        standby.start()
        await_(lambda: settles(store))
        primary.kill()
        assert standby.execute("SELECT pg_is_in_recovery()") == [(True,)]
        with psycopg.connect(standby.address("identities")) as connection:
            assert connection.execute("SELECT count(*) FROM record").fetchone() == (1,)


@pytest.mark.slow
def test_a_server_that_hangs_ends_the_call(tmp_path: Path, primary: Server) -> None:
    """A stopped server answers nothing: the call fails at its deadline, and the next one works when it goes on."""
    address = primary.new_data_base("identities")
    world = World.make(tmp_path, database=address)
    with PostgresStore(address, connections=1, call_within_s=1) as store:
        before, records = position(store), [new_record(world.chain())]
        with primary.frozen(), pytest.raises(StoreFailed):
            store.append(before, records, 1)
        await_(lambda: settles(store))
        assert position(store) == before
        store.append(before, records, 1)


def settles(store: PostgresStore) -> bool:
    """Say whether the store would sign for a kiosk's records again."""
    try:
        store.settle(position(store))
    except StoreFailed:
        return False
    return True
