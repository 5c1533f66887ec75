"""`make demo` as its user sees it: what Ctrl-C stops, what it refuses to delete."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from firmware_mocks.card_reader import NotInstalled
from firmware_mocks.card_reader.requirements import check as check_card_reader

WITHIN_S = 60.0


def _demo(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "demo", "--folder", str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _still_running(folder: Path) -> list[str]:
    """Command lines of processes that mention the demo's folder or have it in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told and int(entry.name) != os.getpid():
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_everything_that_the_demo_started_ends_with_it(tmp_path: Path, how: signal.Signals) -> None:
    """Stopped as soon as the agent runs: exit code 130 for Ctrl-C, and no process of the demo is left either way."""
    try:
        check_card_reader()
    except NotInstalled as error:
        pytest.skip(f"no mock card reader: {error}")
    folder = tmp_path / "demo"
    agent_log = folder / "logs" / "agent.log"
    with _demo(folder) as demo:
        deadline = time.monotonic() + WITHIN_S
        while not (agent_log.exists() and "daemon.ready" in agent_log.read_text()):
            assert time.monotonic() < deadline, demo.communicate()[0]
            time.sleep(0.05)
        demo.send_signal(how)
        said, _ = demo.communicate(timeout=WITHIN_S)
    if how is signal.SIGINT:
        assert demo.returncode == 130, said
    while left := _still_running(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_a_folder_that_is_not_the_demos_is_never_deleted(tmp_path: Path) -> None:
    """A wrong --folder is refused, and what lies there stays."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with _demo(tmp_path) as demo:
        said, _ = demo.communicate(timeout=WITHIN_S)
    assert demo.returncode == 1
    assert "choose another" in said
    assert (tmp_path / "thesis.txt").exists()
