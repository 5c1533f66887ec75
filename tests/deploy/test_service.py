"""The systemd unit: how much it leaves open, and that the kiosk works with what it leaves."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from firmware_mocks.chip_card.issuer import kept_csca

from demo.people import make_people, write_roster
from demo.run import take_in
from demo.stage import MODELS, set_stage
from tests.deploy import service_sandbox
from tests.deploy.service_sandbox import UNIT, allowed, settings

EXPOSURE = 2.0
WITHIN_S = 60.0
# The started kiosk locks itself in before its first import of ours, and its workers with it.
SITE = """
import sys
from pathlib import Path
if "agent.cli" in sys.orig_argv:
    sys.path.insert(0, {folder!r})
    import service_sandbox
    service_sandbox.enter(Path({calls!r}).read_text().split())
"""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
def test_exposure_is_at_most_two(tmp_path: Path) -> None:
    """`systemd-analyze security` without a running systemd; the program must be there, so a copy names another."""
    copy = tmp_path / "kiosk.service"
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(encoding="utf-8")))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=WITHIN_S).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert found, told
    assert float(found[1]) <= EXPOSURE


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say."""
    copy = tmp_path / "kiosk.service"
    lines = (line for line in UNIT.read_text(encoding="utf-8").splitlines() if not line.startswith("Documentation="))
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", "\n".join(lines)))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    assert "kiosk.service" not in told.stderr, told.stderr


def test_no_core_files() -> None:
    """Not by limit, and not by the watchdog either."""
    unit = UNIT.read_text(encoding="utf-8")
    assert settings(unit, "LimitCORE") == ["0"]
    assert settings(unit, "WatchdogSignal") == ["SIGKILL"]


def _locked_in(folder: Path) -> Mapping[str, str]:
    folder.mkdir()
    calls = folder / "calls"
    calls.write_text("\n".join(sorted(allowed(UNIT.read_text(encoding="utf-8")))))
    here = str(Path(service_sandbox.__file__).parent)
    (folder / "sitecustomize.py").write_text(SITE.format(folder=here, calls=str(calls)))
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


@needs_systemd
@pytest.mark.skipif(not (MODELS / ".set-up").exists(), reason="no model files")
@pytest.mark.skipif(not Path("/usr/lib/x86_64-linux-gnu/libseccomp.so.2").exists(), reason="no libseccomp")
@pytest.mark.slow
def test_a_person_is_taken_in_with_what_the_unit_leaves(tmp_path: Path) -> None:
    """Under the unit's system calls and without writable code: ready, a whole visit, a receipt, alive."""
    people = make_people(1, tmp_path / "people")
    write_roster(people, tmp_path / "roster.csv")
    kept_csca(tmp_path / "csca")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        set_stage(tmp_path, tmp_path / "roster.csv", tmp_path / "csca" / "csca.pem") as stage,
    ):
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WITHIN_S)
        stage.end_agent()
        notice = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        stage.start_agent({**_locked_in(tmp_path / "site"), **notice})
        status = Path(f"/proc/{stage.agent.pid}/status").read_text(encoding="ascii")
        assert re.search(r"(?m)^Seccomp:\t2$", status)
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"
        visit = take_in(stage, people[0])
        assert visit.acknowledged, stage.agent.tail()
        assert systemd.recv(100) == b"WATCHDOG=1"
