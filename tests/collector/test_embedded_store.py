from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.embedded_store import FILE_NAME, EmbeddedStore
from collector.errors import StoreFailed, StoreInUse
from collector.record_files import RecordFiles
from collector.store import PositionMoved
from tests.collector.world import EPOCH, KIOSK, Chain, World, new_record, position

FULL = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous
DIES_BEFORE_ITS_ROW = """
import os, sys
from pathlib import Path
from collector import embedded_store
from tests.collector.world import KIOSK, World, new_record, position
from collector.config import load_config
folder = Path(sys.argv[1])
world = World(folder, load_config(folder / "collector"))
embedded_store.EmbeddedStore._writing = lambda self: os.kill(os.getpid(), 9)
with world.store() as store:
    store.append(store.position(KIOSK), [new_record(world.chain())], 1)
"""


def files(world: World) -> list[Path]:
    """Return all files of records."""
    return sorted(path for path in (world.config.store / "records").rglob("*") if path.is_file())


@pytest.fixture
def store(world: World) -> Iterator[EmbeddedStore]:
    """Open the collector's store."""
    with EmbeddedStore(world.config.store) as opened:
        yield opened


def test_every_commit_is_synced(store: EmbeddedStore) -> None:
    """SQLite runs with synchronous = FULL and a write-ahead log, in every connection."""
    assert store._file._data_base.execute("PRAGMA synchronous").fetchone() == (FULL,)
    assert store._file._data_base.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_files_are_synced_before_the_row_is_committed(
    world: World, store: EmbeddedStore, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record, then folder, then row: the order that lets a row never point to nothing."""
    order: list[str] = []
    sync_data, sync = os.fdatasync, os.fsync

    def noted_data(handle: int) -> None:
        order.append(Path(os.readlink(f"/proc/self/fd/{handle}")).suffix)
        sync_data(handle)

    def noted(handle: int) -> None:
        order.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        assert not store.records(1)
        sync(handle)

    monkeypatch.setattr(os, "fdatasync", noted_data)
    monkeypatch.setattr(os, "fsync", noted)
    store.append(position(store), [new_record(chain)], 1)
    assert order[-2:] == [".new", str(EPOCH)]
    assert {"records", KIOSK, world.config.store.name} <= set(order)


def test_a_stale_position_stores_nothing(world: World, store: EmbeddedStore, chain: Chain) -> None:
    """Of two that append to the same position the second is told so, and leaves no trace."""
    before, clone = position(store), world.chain()
    original = new_record(chain, b"original")
    store.append(before, [original], 1)
    stored = files(world)
    with pytest.raises(PositionMoved):
        store.append(before, [new_record(clone, b"clone")], 2)
    assert files(world) == stored
    assert [store.load(row) for row in store.records(10)] == [original.record]


def test_a_race_between_check_and_commit_cannot_replace_a_stored_record(
    world: World, store: EmbeddedStore, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when another process commits while our file is being written, its record keeps its own bytes."""
    before, original = position(store), new_record(chain, b"original")
    write = RecordFiles.write

    def overtaken(self: RecordFiles, *arguments: object) -> None:
        monkeypatch.setattr(RecordFiles, "write", write)
        with world.store() as other:
            other.append(before, [original], 1)
        write(self, *arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(RecordFiles, "write", overtaken)
    with pytest.raises(PositionMoved):
        store.append(before, [new_record(world.chain(), b"clone")], 2)
    assert [store.load(row) for row in store.records(10)] == [original.record]


def test_a_crash_between_file_and_row_leaves_nothing_behind_after_the_next_start(world: World, chain: Chain) -> None:
    """The record was never acknowledged: its file goes, and the kiosk's next attempt stores it once."""
    command = [sys.executable, "-c", DIES_BEFORE_ITS_ROW, str(world.folder)]
    died = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert died.returncode == -9, died.stderr
    assert len(files(world)) == 1
    with world.store() as store:
        assert store.records(10) == []
        assert store.lock_for_appending() == 1
        assert files(world) == []
        store.append(position(store), [new_record(chain)], 1)
        assert len(store.records(10)) == len(files(world)) == 1


def test_left_over_files_go_and_stored_ones_stay(world: World, chain: Chain) -> None:
    """Scratch files and files at or above the position are nobody's; everything else is a record."""
    with world.store() as store:
        store.append(position(store), [new_record(chain), new_record(chain)], 1)
        stored = files(world)
        folder = stored[0].parent
        for name in ("000000000000-0011223344556677.new", "000000000002-0011223344556677.record"):
            (folder / name).write_bytes(b"half")
        (folder / "README").write_text("a person's note", encoding="utf-8")
        assert store.lock_for_appending() == 2
    assert files(world) == sorted([*stored, folder / "README"])


def test_a_store_of_an_earlier_version_is_counted_when_it_is_served(world: World, chain: Chain) -> None:
    """Its hours are those that its records tell."""
    with world.store() as store:
        store.append(position(store), [new_record(chain), new_record(chain, quarantined="why")], 3600 * 10**9)
        counted = store.kiosk_totals(0)
        with sqlite3.connect(world.config.store / FILE_NAME) as earlier:
            earlier.execute("DROP TABLE hourly")
        earlier.close()
    with world.store() as store:
        store.lock_for_appending()
        assert store.kiosk_totals(0) == counted
        assert [(one.stored, one.quarantined) for one in counted] == [(2, 1)]


def test_only_one_process_appends(world: World) -> None:
    """A second collector on the same folder is refused; reading goes on."""
    with world.store() as first, world.store() as second:
        first.lock_for_appending()
        with pytest.raises(StoreInUse):
            second.lock_for_appending()
        assert second.records(1) == []
    with world.store() as third:
        assert third.lock_for_appending() == 0


def test_a_missing_store_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """A disk that is not mounted stops the collector; nothing is made in its place."""
    with pytest.raises(StoreFailed, match="missing"):
        EmbeddedStore(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_data_base_is_told(tmp_path: Path) -> None:
    """Damage is named, not repaired by guessing."""
    (tmp_path / FILE_NAME).write_bytes(b"not SQLite at all" * 100)
    with pytest.raises(StoreFailed), EmbeddedStore(tmp_path) as store:
        store.records(1)


def test_a_locked_data_base_does_not_stop_readers(world: World, store: EmbeddedStore) -> None:
    """`collector list` works while the collector commits."""
    with sqlite3.connect(world.config.store / FILE_NAME, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert store.records(1) == []
        writer.execute("ROLLBACK")
    writer.close()


def test_a_missing_or_cut_file_is_told(world: World, store: EmbeddedStore, chain: Chain) -> None:
    """A row whose file is gone, cut at any byte, longer, or something else raises StoreFailed naming the file."""
    store.append(position(store), [new_record(chain)], 1)
    (row,) = store.records(1)
    (path,) = files(world)
    whole = path.read_bytes()
    for data in [*(whole[:end] for end in range(len(whole))), whole + b"x", b"x" + whole[1:]]:
        path.write_bytes(data)
        with pytest.raises(StoreFailed, match="000000000000"):
            store.load(row)
    path.unlink()
    with pytest.raises(StoreFailed, match="000000000000"):
        store.load(row)


def test_a_full_disk_stores_nothing_and_the_next_attempt_works(
    world: World, store: EmbeddedStore, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC while writing raises StoreFailed; the position stays."""
    before, record = position(store), new_record(chain)

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        with pytest.raises(StoreFailed, match="No space left"):
            store.append(before, [record], 1)
    assert position(store) == before
    store.append(before, [record], 1)
    assert len(store.records(10)) == 1


def test_files_are_for_their_owner_only(world: World, store: EmbeddedStore, chain: Chain) -> None:
    """Records 0600, folders 0700."""
    store.append(position(store), [new_record(chain)], 1)
    (path,) = files(world)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
