"""A process and its workers, on real processes and on a procfs of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.diagnostics.process_tree import PAGE_BYTES, TICKS_S, ProcessUse, process_tree, shares


def put(proc: Path, pid: int, parent: int, name: str, command: str = "") -> None:
    """Write a process as proc(5) tells it: 200 ticks in user mode, 100 in the kernel, 50 pages."""
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    numbers = [0] * 9 + [200, 100] + [0] * 8 + [50] + [0] * 28
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} {' '.join(map(str, numbers))}\n")
    (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode())


def test_workers_of_workers_count_and_strangers_do_not(tmp_path: Path) -> None:
    """Named as people call them."""
    put(tmp_path, 10, 1, "kiosk", "/usr/lib/kiosk/bin/python3 -I /usr/bin/kiosk run")
    put(tmp_path, 12, 10, "python3", "python3 -m agent.devices._camera_worker 10 3 4")
    put(tmp_path, 13, 12, "odd) S 1 (name", "x")
    put(tmp_path, 14, 1, "sshd")
    found = process_tree(10, tmp_path)
    assert [one.name for one in found] == ["daemon", "camera", "odd) S 1 (name"]
    assert found[0] == ProcessUse(10, "daemon", 300 / TICKS_S, 50 * PAGE_BYTES)


@pytest.mark.parametrize("stat", ["", "10", "10 (x) S", "x (y) S 1 2"])
def test_a_process_that_cannot_be_read_is_gone(tmp_path: Path, stat: str) -> None:
    """It ended between two reads."""
    put(tmp_path, 10, 1, "kiosk")
    (tmp_path / "10" / "stat").write_text(stat)
    assert process_tree(10, tmp_path) == []
    assert process_tree(11, tmp_path) == []


def test_a_real_child_is_found() -> None:
    """As the kernel shows it."""
    command = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        found = {one.pid: one for one in process_tree(os.getpid())}
        child.communicate()
    assert {os.getpid(), child.pid} <= set(found)
    assert found[child.pid].memory_bytes > 2**20


def test_shares_are_of_one_processor() -> None:
    """What was not there before has none."""
    before, after = [ProcessUse(1, "a", 10.0, 0)], [ProcessUse(1, "a", 11.0, 0), ProcessUse(2, "b", 5.0, 0)]
    assert shares(before, after, 2.0) == {1: 0.5}
    assert shares(before, after, 0.0) == {}
