"""`kiosk doctor`: output, exit codes, watching, with a daemon on a real socket and without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.commands import doctor
from agent.commands.doctor import Order, RemoteDaemon, examine
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from agent.diagnostics.check import Check
from agent.diagnostics.finding import Outcome, Verdict, error, ok, warn
from agent.intake.errors import VisitRunning
from agent.words import Words
from tests.console.service import ScriptedKiosk, ScriptedVisit, serving

Run = Callable[..., Result]
WARN = warn("test.one.soft", "Mềm", "Soft", "Sửa", "Mend")
ERROR = error("test.one.hard", "Cứng", "Hard", "Sửa ngay", "Mend now")


def check(outcome: Outcome) -> Check:
    """Return a check with this outcome."""
    return Check("test.one", Words("Thử", "Test"), lambda _context, _limits: outcome, (WARN, ERROR))


def order(folder: Path, **more: object) -> Order:
    """Return an order on an empty folder."""
    return Order(folder / "kiosk.toml", folder / "kiosk.sock", **more)  # type: ignore[arg-type] # each test's own


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (ok("fine"), ExitCode.OK),
        (Outcome(Verdict.NOT_ASSESSED), ExitCode.OK),
        (WARN.seen("x"), ExitCode.WARNINGS),
        (ERROR.seen("x"), ExitCode.FAILED),
    ],
)
def test_the_exit_code_is_by_the_worst(tmp_path: Path, outcome: Outcome, code: ExitCode) -> None:
    """0, 7 or 1."""
    assert examine(Screen(as_json=True), order(tmp_path), checks=[check(outcome)]) is code


def test_people_read_cause_evidence_and_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Vietnamese before English."""
    examine(Screen(), order(tmp_path), checks=[check(ERROR.seen("[bold]/dev/x[/]"))])
    told = capsys.readouterr().out
    assert told.index("Cứng") < told.index("Hard") < told.index("Sửa ngay") < told.index("Mend now")
    assert "[bold]/dev/x[/]" in told


def test_scripts_read_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with everything."""
    examine(Screen(as_json=True), order(tmp_path), checks=[check(WARN.seen("proof"))])
    told = json.loads(capsys.readouterr().out)
    assert told["worst"] == "warn"
    (found,) = told["findings"]
    assert found["took_s"] >= 0
    assert (found["check"], found["code"], found["verdict"]) == ("test.one", "test.one.soft", "warn")
    assert found["cause"] == {"vi": "Mềm", "en": "Soft"}
    assert found["remedy"] == {"vi": "Sửa", "en": "Mend"}
    assert found["evidence"] == "proof"


def test_watching_repeats_until_it_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three rounds; then one that is cancelled while it waits."""
    examine(Screen(as_json=True), order(tmp_path, watch_s=0.01, rounds=3), checks=[check(ok(""))])
    assert len(capsys.readouterr().out.splitlines()) == 3
    cancelled = Event()

    def last(_context: object, _limits: object) -> Outcome:
        cancelled.set()
        return ok("")

    watched = Check("test.one", Words("a", "b"), last, ())
    examine(Screen(as_json=True), order(tmp_path, watch_s=600), checks=[watched], cancelled=cancelled)


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    """Told with the place; the findings were printed before."""
    wanted = order(tmp_path, report=tmp_path / "none" / "r.html")
    with pytest.raises(doctor.NotWritten, match=r"r\.html"):
        examine(Screen(as_json=True), wanted, checks=[check(ok(""))])


def test_the_command_line(tmp_path: Path) -> None:
    """Options reach the checks; an unknown word is refused; the report is there, private."""
    environment = {"KIOSK_SOCKET": str(tmp_path / "none.sock"), "KIOSK_CONFIG": str(tmp_path / "none.toml")}
    report = tmp_path / "report.html"
    arguments = ["doctor", "--json", "--only", "software.config", "--only", "software.update", "--report", str(report)]
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == ExitCode.FAILED
    findings = json.loads(result.stdout)["findings"]
    assert [found["check"] for found in findings] == ["software.config", "software.update"]
    assert findings[0]["code"] == "config.invalid"
    assert report.stat().st_mode & 0o777 == 0o600
    refused = CliRunner().invoke(app, ["doctor", "--json", "--only", "nonsense"], env=environment)
    assert refused.exit_code == ExitCode.FAILED
    assert json.loads(refused.stdout)["error"]["code"] == "doctor.no_such_check"


class TestRemoteDaemon:
    """The daemon over its real socket."""

    def test_it_is_asked(self, tmp_path: Path) -> None:
        """Status, use, figures and picture."""
        with serving(ScriptedKiosk(), tmp_path / "kiosk.sock") as path, KioskClient(path) as client:
            daemon = RemoteDaemon(client)
            assert daemon.status()["kiosk"] == "kiosk-1"
            assert daemon.device_use() == {"visit_open": False}
            assert daemon.camera() == {"width": 640}
            assert daemon.camera_picture() == b"png"

    def test_no_picture_while_a_visit_is_open(self, tmp_path: Path) -> None:
        """A person is in front of the camera."""
        kiosk = ScriptedKiosk()
        kiosk.visits["v1"] = ScriptedVisit("v1")
        with serving(kiosk, tmp_path / "kiosk.sock") as path, KioskClient(path) as client:
            assert client.device_use() == {"visit_open": True}
            with pytest.raises(RemoteError) as refused:
                client.camera_picture()
        assert refused.value.code == VisitRunning.code

    def test_the_command_uses_it(self, tmp_path: Path) -> None:
        """What only the daemon knows is found."""
        with serving(ScriptedKiosk(), tmp_path / "kiosk.sock") as path:
            environment = {"KIOSK_SOCKET": str(path), "KIOSK_CONFIG": str(tmp_path / "none.toml")}
            result = CliRunner().invoke(app, ["doctor", "--json", "--only", "software.daemon"], env=environment)
        assert json.loads(result.stdout)["findings"][0]["verdict"] == "ok"
