"""`kiosk top`: looks at a daemon on a real socket, and at this very process."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.commands.top import Look, Watch, picture, top
from agent.console.errors import DaemonUnreachable
from agent.diagnostics.process_tree import ProcessUse
from tests.console.service import ScriptedKiosk, serving

Run = Callable[..., Result]


def test_a_look_for_scripts(kiosk: ScriptedKiosk, run: Run) -> None:
    """Queue, uplink, devices, visit, and the daemon's own processor time and memory."""
    result = run("top", "--once", "--json", "--every", "0.2")
    assert result.exit_code == ExitCode.OK, result.output
    told = json.loads(result.stdout)
    assert told["queue"]["pending"] == 2
    assert told["uplink"]["connected"] is False
    assert {one["kind"] for one in told["devices"]} == {"card_reader", "camera", "fingerprint_pad"}
    assert told["visit"] == {"visit_open": False}
    (mine,) = [one for one in told["workers"] if one["pid"] == os.getpid()]
    assert mine["memory_mib"] > 10
    assert mine["cpu"] >= 0


def test_without_a_daemon(tmp_path: Path) -> None:
    """Its own exit code."""
    told = CliRunner().invoke(app, ["top", "--once", "--json", "--socket", str(tmp_path / "none")])
    assert told.exit_code == ExitCode.DAEMON_UNREACHABLE
    with pytest.raises(DaemonUnreachable):
        Watch(tmp_path / "none").look()


def test_it_goes_on_until_it_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON line a look; the third look ends it."""
    cancelled = Event()

    class Ending(ScriptedKiosk):
        looks = 0

        def status(self) -> dict[str, object]:
            self.looks += 1
            if self.looks == 3:
                cancelled.set()
            return dict(super().status())

    with serving(Ending(), tmp_path / "kiosk.sock") as path:
        assert top(Screen(as_json=True), path, 0.01, cancelled) is ExitCode.OK
    assert len(capsys.readouterr().out.splitlines()) == 3


STATUS = {
    "kiosk": "kiosk-[1]",
    "queue": {"pending": 3, "oldest_pending_s": 61.0, "free_bytes": 2**31, "lost": [[4, 4]]},
    "uplink": {"connected": False, "error": {"code": "uplink.certificate_expired"}},
}
USE = {
    "visit_open": True,
    "stages": [{"stage": "chip", "verdict": "passed", "took_ms": 47}, {"stage": "portrait", "verdict": None}],
}


def test_what_people_see() -> None:
    """Every part, in 80 columns as an SSH session has them; names are not markup."""
    devices = [{"kind": "camera", "name": "cam [x]", "state": "failed"}]
    look = Look(STATUS, USE, devices, [ProcessUse(7, "vision", 1.0, 200 * 2**20)], {7: 0.5})
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=True, color_system=None).print(picture(look))
    for words in (
        "kiosk-[1]",
        "3 chờ",
        "61 s",
        "uplink.certificate_expired",
        "cam [x]",
        "chip",
        "47",
        "…",
        "50%",
        "200",
    ):
        assert words in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_it_is_drawn_on_a_terminal(tmp_path: Path) -> None:
    """The live screen, ended at once, leaves the terminal as it was."""
    out, cancelled = io.StringIO(), Event()
    cancelled.set()
    with serving(ScriptedKiosk(), tmp_path / "kiosk.sock") as path:
        console = Console(file=out, width=80, height=40, force_terminal=True)
        assert top(Screen(), path, 1, cancelled, console=console) is ExitCode.OK
    assert "\x1b[?1049h" in out.getvalue()
    assert out.getvalue().rindex("\x1b[?1049l") > out.getvalue().index("camera")
