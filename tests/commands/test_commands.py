from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.commands.exit_codes import ExitCode, exit_code
from agent.config import ConfigError
from agent.console.errors import DaemonUnreachable
from agent.intake.errors import NoticeRefused, VisitCancelled
from agent.provisioning import NotProvisioned
from agent.uplink.errors import CollectorDown
from agent.words import KioskError
from tests.commands.conftest import Run
from tests.console.service import STATUS, ScriptedKiosk

CONFIG = """
[kiosk]
name = "kiosk-1"
station = "s"
[collector]
address = "127.0.0.1:1"
[roster]
file = "roster.csv"
[trust]
folder = "trust"
[models]
folder = "models"
"""
TLS = ("trust/tls/ca.pem", "trust/tls/client.pem", "trust/tls/client.key")
NEEDED = ("roster.csv", "models", "trust/campaign.pem", "trust/record.key", "trust/bundles", *TLS)


def alone(*arguments: object) -> tuple[int, str, str]:
    """Run `kiosk` where no daemon is."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a configuration and everything that it points to."""
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "kiosk.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "kiosk.toml"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError(Path("x"), []), ExitCode.CONFIG),
        (NotProvisioned(), ExitCode.CONFIG),
        (DaemonUnreachable(), ExitCode.DAEMON_UNREACHABLE),
        (VisitCancelled(), ExitCode.ENDED_BY_PEOPLE),
        (NoticeRefused(), ExitCode.ENDED_BY_PEOPLE),
        (KioskError(), ExitCode.FAILED),
    ],
    ids=lambda value: value.code if isinstance(value, KioskError) else value.name,
)
def test_exit_codes_are_those_of_the_manual(error: KioskError, code: ExitCode) -> None:
    """docs/technician.md lists every one."""
    assert exit_code(error) is code
    manual = (Path(__file__).parents[2] / "docs" / "technician.md").read_text(encoding="utf-8")
    assert f"| {code.value} |" in manual


@pytest.mark.parametrize("command", [["queue", "status"], ["intake", "--number", "001085000001"]])
def test_without_a_daemon_the_way_to_start_it_is_told(tmp_path: Path, command: list[str]) -> None:
    """Exit code 4; JSON for scripts."""
    code, _, told = alone(*command, "--socket", tmp_path / "gone")
    assert code == ExitCode.DAEMON_UNREACHABLE
    assert "systemctl start kiosk" in told
    code, told, _ = alone(*command, "--socket", tmp_path / "gone", "--json")
    assert json.loads(told)["error"]["code"] == "daemon.unreachable"


def test_a_socket_without_rights_is_told_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a usage error in English alone: the remedy names the rights."""
    (tmp_path / "socket").touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    code, _, told = alone("queue", "status", "--socket", tmp_path / "socket")
    assert code == ExitCode.DAEMON_UNREACHABLE
    assert "quyền trên socket" in " ".join(told.split())


def test_queue_status_tells_what_the_collector_lost_and_what_the_centre_sent(run: Run, kiosk: ScriptedKiosk) -> None:
    """Rewound, gone at both ends, quiet hours, a refused bundle, a message: each in words, in both languages."""
    uplink = {"connected": True, "address": "two:8443", "quiet": True, "rewound_to": 7, "lost_at_collector": [[2, 5]]}
    refused = {"kind": "policy", "version": 3, "code": "sealing.signature_invalid"}
    messages = [{"number": 1, "vi": "Nghỉ trưa", "en": "Lunch"}]
    centre = {"bundle_refused": refused, "bundles_waiting": True, "announcements": messages}
    kiosk.told = {**STATUS, "uplink": {"collector_offset_ns": None, "error": None, **uplink}, "centre": centre}
    said = " ".join(run("queue", "status").stdout.split())
    for words in (
        "two:8443",
        "from seq 7 on",
        "Records 2 to 4 are gone at both ends",
        "Quiet hours",
        "policy 3: sealing.signature_invalid",
        "New bundles wait",
        "Nghỉ trưa",
        "Lunch",
    ):
        assert words in said


def test_queue_status_tells_what_waits_and_why(run: Run, kiosk: ScriptedKiosk) -> None:
    """For people in both languages with the uplink's own cause and remedy; for scripts as it is."""
    assert json.loads(run("queue", "status", "--json").stdout) == STATUS
    error = {
        "words": {"vi": CollectorDown.words.vi, "en": CollectorDown.words.en},
        "remedy": {"vi": CollectorDown.remedy.vi, "en": CollectorDown.remedy.en},
        "detail": "10.0.0.1:8443: No route to host",
    }
    uplink = {"connected": False, "error": error, "quarantined": [3, 5]}
    kiosk.told = {**STATUS, "queue": {"pending": 2, "oldest_pending_s": 12.4, "lost": [7, 9]}, "uplink": uplink}
    done = run("queue", "status")
    assert done.exit_code == 0
    for words in (
        CollectorDown.words.vi,
        "No route to host",
        "Chờ gửi · Waiting",
        "hồ sơ số 3, 5",
        "Damaged on this kiosk: 7, 9",
        "12",
    ):
        assert words in done.stdout


def test_devices_are_asked_of_the_daemon(run: Run) -> None:
    """0 when each kind has one that is ready."""
    done = run("devices")
    assert done.exit_code == 0, done.output
    assert "Đầu đọc vân tay" in done.stdout
    assert {row["state"] for row in json.loads(run("devices", "--json").stdout)} == {"ready"}


def test_a_kind_that_is_not_ready_fails_the_command(
    run: Run, kiosk: ScriptedKiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 when any of the three is missing."""
    present = kiosk.devices()[:2]
    monkeypatch.setattr(kiosk, "devices", lambda: present)
    assert run("devices").exit_code == ExitCode.FAILED


def test_a_good_configuration_passes(config: Path) -> None:
    """With everything that it points to."""
    assert alone("config", "check", "--config", config)[0] == ExitCode.OK
    code, told, _ = alone("config", "check", "--config", config, "--json")
    assert (code, json.loads(told)) == (0, {"file": str(config), "ok": True, "missing": []})


@pytest.mark.parametrize("name", NEEDED)
def test_what_the_configuration_points_to_must_be_there(config: Path, name: str) -> None:
    """Each missing file is named."""
    (config.parent / name).unlink()
    code, told, _ = alone("config", "check", "--config", config)
    assert code == ExitCode.CONFIG
    assert str(config.parent / name) in told.replace("\n", "")
    assert json.loads(alone("config", "check", "--config", config, "--json")[1])["missing"] == [
        str(config.parent / name)
    ]


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda text: text.replace("address", "adress"), "collector.adress"),
        (lambda _: "not = [toml", "file"),
        (lambda _: None, "file"),
    ],
    ids=["key", "TOML", "missing"],
)
def test_a_wrong_configuration_names_file_and_key(config: Path, spoil: Callable[[str], str | None], key: str) -> None:
    """Exit code 3, for people and as a list of problems."""
    text = spoil(CONFIG)
    config.unlink() if text is None else config.write_text(text, encoding="utf-8")
    code, _, told = alone("config", "check", "--config", config)
    assert code == ExitCode.CONFIG
    assert key in told
    code, told, _ = alone("config", "check", "--config", config, "--json")
    assert code == ExitCode.CONFIG
    assert key in [problem["key"] for problem in json.loads(told)["problems"]]


def test_run_without_its_trust_folder_says_so(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3 and the file that is missing, before any device is touched."""
    monkeypatch.setattr("agent.daemon.daemon.set_up_logging", lambda _: None)
    monkeypatch.setattr("agent.daemon.daemon._forbid_core_files", lambda: None)
    (config.parent / "trust" / "campaign.pem").unlink()
    code, _, told = alone("run", "--config", config)
    assert code == ExitCode.CONFIG
    assert "campaign.pem" in told.replace("\n", "")


def test_a_record_key_that_is_not_where_the_configuration_says_stops_the_daemon(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said to be in the TPM, it is not taken from a file that lies there."""
    monkeypatch.setattr("agent.daemon.daemon.set_up_logging", lambda _: None)
    monkeypatch.setattr("agent.daemon.daemon._forbid_core_files", lambda: None)
    config.write_text(config.read_text(encoding="utf-8") + '\n[keys]\nkind = "tpm"\n', encoding="utf-8")
    code, _, told = alone("run", "--config", config)
    assert code == ExitCode.FAILED
    assert "key.missing" in told


def test_wrong_usage_has_its_own_exit_code() -> None:
    """2, as every program's."""
    assert alone("intake", "--colour", "red")[0] == ExitCode.USAGE
    assert alone("--version")[0] == ExitCode.OK
