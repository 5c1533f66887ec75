"""Backup while serving, restore of an old one: with the collector in a process of its own, nothing lost or doubled."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector.backup import back_up
from collector.errors import AlreadyExists, StoreFailed
from tests.collector.world import World
from tests.uplink.kiosk import CollectorProcess, Kiosk, await_


def _back_up(world: World, to: Path) -> int:
    command = [sys.executable, "-m", "collector.cli", "backup", str(to), "--json"]
    command += ["--config", str(world.folder / "collector")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return int(json.loads(done.stdout)["records"])


def test_after_the_restore_of_an_old_backup_kiosks_send_again_what_is_missing(world: World, tmp_path: Path) -> None:
    """The kiosk rewinds into what it kept, says so, and goes on with new records; each is stored once."""
    copy = tmp_path / "backup"
    with Kiosk(world) as kiosk, kiosk.uplink() as uplink:
        collector = CollectorProcess(world.folder / "collector")
        ids = kiosk.enqueue(20, size=5000)
        kiosk.await_acknowledged(20)
        # While it serves, and while more comes.
        ids += kiosk.enqueue(30, size=5000)
        kept = _back_up(world, copy)
        assert 20 <= kept <= 50
        kiosk.await_acknowledged(50)
        collector.kill()
        shutil.rmtree(world.config.store)
        shutil.copytree(copy, world.config.store)
        assert world.stored_ids() == ids[:kept]
        collector = CollectorProcess(world.folder / "collector")
        ids += kiosk.enqueue(5)
        kiosk.await_acknowledged(55)
        await_(lambda: len(world.stored_ids()) == 55)
        if kept < 50:
            assert uplink.state.rewound_to == kept
        assert uplink.state.lost_at_collector == ()
        assert collector.stop() == 0
    assert world.stored_ids() == ids


def test_a_copy_is_whole_and_never_over_another(world: World, tmp_path: Path) -> None:
    """Every row has its file; a folder that is there is left alone; a store that is missing is an error."""
    with Kiosk(world) as kiosk, kiosk.uplink():
        collector = CollectorProcess(world.folder / "collector")
        kiosk.enqueue(3)
        kiosk.await_acknowledged(3)
        assert collector.stop() == 0
    assert back_up(world.config.store, tmp_path / "copy") == 3
    with pytest.raises(AlreadyExists):
        back_up(world.config.store, tmp_path / "copy")
    with pytest.raises(StoreFailed, match="missing"):
        back_up(tmp_path / "nothing", tmp_path / "other")
