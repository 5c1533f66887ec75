"""kill -9 at every write point and at random ones; each driver is a process of its own, since it forks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108 # a kill loses nothing of the page cache, so the disk may be memory
CYCLES = int(os.environ.get("TORTURE_CYCLES", "10000"))
LONG = pytest.mark.torture


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a fast folder."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    place = Path(tempfile.mkdtemp(prefix="torture-", dir=MEMORY))
    yield place
    shutil.rmtree(place, ignore_errors=True)


def driven(module: str, *arguments: object) -> dict[str, int]:
    """Run a driver to its end and return its figures; its findings are its errors."""
    command = [sys.executable, "-m", f"tests.torture.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    told = next(line for line in done.stdout.splitlines() if line.startswith("kills="))
    print(done.stdout)
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", told)}


@pytest.mark.parametrize("kills", [90, pytest.param(CYCLES, marks=LONG)])
def test_the_queue_keeps_every_answered_record(folder: Path, kills: int) -> None:
    """At every write, sync, rename and unlink of a first run, then at random ones in one folder for ever."""
    figures = driven("queue_cycles", folder, "--cycles", kills)
    assert figures["kills"] >= kills + figures["points"]
    assert figures["points"] > 60


@pytest.mark.parametrize("kills", [16, pytest.param(CYCLES // 5, marks=LONG)])
def test_every_acknowledged_record_arrives_exactly_once(folder: Path, kills: int) -> None:
    """Kiosk and collector die at write points and at any moment; in the end the collector has each record once."""
    figures = driven("path_cycles", folder, "--kills", kills)
    assert figures["kills"] >= kills
    assert figures["records"] > 0


@pytest.mark.parametrize("kills", [12, pytest.param(CYCLES // 5, marks=LONG)])
def test_a_visit_cut_off_is_gone_on_with_or_done_never_lost_never_doubled(folder: Path, kills: int) -> None:
    """Journal and record of a visit, at every write point and at random ones, in the restart too."""
    figures = driven("visit_cycles", folder, "--kills", kills)
    assert figures["kills"] >= kills + figures["points"]
    assert figures["points"] > 40
