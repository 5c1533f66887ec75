"""What only the PostgreSQL store must do: durable settings, migrations, partitions, no waiting between kiosks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from typer.testing import CliRunner

from collector.cli import app
from collector.config import check_config
from collector.errors import ConfigInvalid, StoreFailed, StoreNotDurable
from collector.postgres import PostgresStore
from collector.postgres.migrations import STEPS
from collector.sql_store import SqlStore
from tests.collector.postgres.server import Server
from tests.collector.world import KIOSK, OTHER_KIOSK, World, new_record, position
from tests.uplink.kiosk import await_

UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` sets logging up for its whole process, which is the tests' process here."""
    monkeypatch.setattr("agent.log.set_up_logging", lambda _: None)


@pytest.fixture
def world(tmp_path: Path, database: str) -> World:
    """Set a collector up whose records are in PostgreSQL."""
    return World.make(tmp_path, database=database)


@contextmanager
def switched(server: Server, setting: str, value: str) -> Iterator[None]:
    """Change a setting of the running server for a while."""
    with psycopg.connect(server.address("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = {value}".encode())
        server.reload()
        try:
            yield
        finally:
            connection.execute(f"ALTER SYSTEM RESET {setting}".encode())
            server.reload()


@pytest.mark.parametrize(("setting", "value"), [*UNSAFE.items(), ("synchronous_commit", "remote_write")])
def test_a_server_that_could_lose_what_it_answered_is_refused(
    postgres: Server, world: World, setting: str, value: str
) -> None:
    """The setting is named, by `collector serve` too."""
    with switched(postgres, setting, value):
        with pytest.raises(StoreNotDurable, match=f"{setting} = {value}"):
            PostgresStore(world.config.database)
        done = CliRunner().invoke(app, ["serve", "--json", "--config", str(world.folder / "collector")])
    assert done.exit_code == 1
    assert "collector.store_not_durable" in done.stdout


def test_a_setting_switched_off_later_stores_nothing(postgres: Server, world: World) -> None:
    """Every append looks again."""
    with world.store() as store:
        before, record = position(store), new_record(world.chain())
        with switched(postgres, "fsync", "off"):
            # Each session reads its settings again in its own time.
            await_(lambda: not settles(store))
            with pytest.raises(StoreNotDurable, match="fsync"):
                store.append(before, [record], 1)
        assert position(store) == before
        store.append(before, [record], 1)


def test_the_list_of_kiosks_names_their_keys(world: World) -> None:
    """`collector kiosk list`, while the records are in the data base."""
    done = CliRunner().invoke(app, ["kiosk", "list", "--json", "--config", str(world.folder / "collector")])
    assert done.exit_code == 0, done.output
    assert all(row["record_key"] != "—" for row in json.loads(done.stdout))


def test_a_copy_of_a_folder_without_records_is_refused(world: World, tmp_path: Path) -> None:
    """`collector backup` copies the embedded store; the error says what to do instead."""
    done = CliRunner().invoke(app, ["backup", str(tmp_path / "copy"), "--config", str(world.folder / "collector")])
    assert done.exit_code == 1
    assert "pg_basebackup" in done.stderr


def test_migrating_makes_the_tables_once(database: str, world: World) -> None:
    """Again it does nothing; without it nothing starts; a newer schema is left alone."""
    with PostgresStore(database, create=True) as store:
        assert store.steps_taken == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_step VALUES (%s)", (len(STEPS) + 1,))
    for create in (False, True):
        with pytest.raises(StoreFailed, match="newer"):
            PostgresStore(database, create=create)


def test_migrating_an_earlier_schema_counts_what_it_holds(world: World, database: str) -> None:
    """The hours are those that the records tell."""
    with world.store() as store:
        store.append(position(store), [new_record(world.chain())], 7 * 3600 * 10**9)
        counted = store.kiosk_totals(0)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE hourly")
        connection.execute("DELETE FROM schema_step WHERE number > 1")
    with pytest.raises(StoreFailed, match="collector migrate"):
        PostgresStore(database)
    with PostgresStore(database, create=True) as store:
        assert store.kiosk_totals(0) == counted
        assert counted[0].stored == 1


def test_an_empty_data_base_is_not_taken_for_an_empty_store(database: str, tmp_path: Path) -> None:
    """The words name the command that makes the tables, and it works."""
    with pytest.raises(StoreFailed, match="collector migrate"):
        PostgresStore(database)
    (tmp_path / "collector.toml").write_text(
        f'name = "c"\naddress = "127.0.0.1:1"\ndatabase = "{database}"\n', encoding="utf-8"
    )
    done = CliRunner().invoke(app, ["migrate", "--config", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert f'"steps": {len(STEPS)}' in done.stdout
    PostgresStore(database).__exit__(None, None, None)


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """Host and data base, nothing secret."""
    with pytest.raises(StoreFailed, match="identities") as caught:
        PostgresStore(f"host={tmp_path} dbname=identities password=secret")
    assert "secret" not in caught.value.detail
    with pytest.raises(StoreFailed, match="connection string"):
        PostgresStore("not a connection string")


@pytest.mark.parametrize("database", ["host=a password=b", "postgresql://u:p@h/d", "postgresql://h/d?password=x"])
def test_a_password_in_the_configuration_is_refused(database: str) -> None:
    """It belongs into ~/.pgpass or a service file, and is not repeated in the message."""
    with pytest.raises(ConfigInvalid, match="pgpass"):
        check_config("collector.toml", {"name": "c", "address": "h:1", "database": database})


def test_each_day_has_its_partitions(world: World, database: str) -> None:
    """Records lie in the partition of the day on which they came, and the next days are ready."""
    with world.store() as store:
        store.append(position(store), [new_record(world.chain())], 20_000 * 86_400 * 10**9)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM record_body_20241004").fetchone() == (1,)
        query = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'record'::regclass"
        assert connection.execute(query).fetchone() == (7,)


def test_bytes_that_are_gone_are_told(world: World, database: str) -> None:
    """A row whose bytes were deleted names kiosk and number."""
    with world.store() as store:
        store.append(position(store), [new_record(world.chain())], 1)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DELETE FROM record_body")
        with pytest.raises(StoreFailed, match="000000000000"):
            store.load(store.records(1)[0])


def test_a_kiosk_does_not_wait_for_another(world: World, database: str) -> None:
    """While one kiosk's row is locked the other one appends; a second append of the same kiosk waits, and is seen."""
    with world.store() as store, psycopg.connect(database) as holder:
        holder.execute("SELECT 1 FROM kiosk WHERE name = %s FOR UPDATE", (KIOSK,))
        chain = world.chain(OTHER_KIOSK)
        for _ in range(5):
            store.append(position(store, OTHER_KIOSK), [new_record(chain)], 1)
        assert waiting(database) == 0
        late = Thread(target=store.append, args=(position(store), [new_record(world.chain())], 1))
        late.start()
        while waiting(database) == 0:
            assert late.is_alive()
        holder.rollback()
        late.join(60)
        assert {row.kiosk for row in store.records(10)} == {KIOSK, OTHER_KIOSK}


def settles(store: SqlStore) -> bool:
    """Say whether the store would sign for a kiosk's records again."""
    try:
        store.settle(position(store))
    except StoreNotDurable:
        return False
    return True


def waiting(database: str) -> int:
    """Return how many sessions of this data base wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database) as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])
