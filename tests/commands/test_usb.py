"""`kiosk usb`: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.commands import usb
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.usb_allow_list import Plugged, UsbDevice, parse_list
from tests.test_usb_allow_list import PAD, TYPES


def plugged(*devices: UsbDevice) -> usb.Look:
    """Return a look at these devices."""
    return lambda: [Plugged(device, True) for device in devices]


def test_what_is_plugged_in_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """List and rules are there, readable by udev; then everything is on the list and a newcomer is not."""
    files = tmp_path / "usb.toml", tmp_path / "61.rules"
    assert usb.allow(Screen(as_json=True), *files, (TYPES.port,), plugged(PAD, TYPES)) is ExitCode.OK
    assert parse_list(files[0].read_bytes()) == [PAD, TYPES]
    assert 'KERNEL=="1-2"' in files[1].read_text()
    assert files[1].stat().st_mode & 0o777 == 0o644
    capsys.readouterr()
    usb.show(Screen(as_json=True), files[0], plugged(PAD, UsbDevice("1-9", "1234", "5678")))
    assert [one["allowed"] for one in json.loads(capsys.readouterr().out)] == [True, False]


def test_a_keyboard_must_be_named(tmp_path: Path) -> None:
    """Nothing is written before."""
    with pytest.raises(usb.KeyboardPlugged, match=TYPES.port):
        usb.allow(Screen(), tmp_path / "usb.toml", tmp_path / "61.rules", (), plugged(PAD, TYPES))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Named."""
    with pytest.raises(usb.UsbNotWritten, match="none"):
        usb.allow(Screen(), tmp_path / "none" / "usb.toml", tmp_path / "61.rules", (), plugged(PAD))


def test_the_command_line(tmp_path: Path) -> None:
    """The machine's own devices are shown, whatever they are; a broken list is told by its code."""
    (tmp_path / "usb.toml").write_text("device = 1")
    told = CliRunner().invoke(app, ["usb", "show", "--json", "--list", str(tmp_path / "usb.toml")])
    assert told.exit_code == ExitCode.FAILED
    assert json.loads(told.stdout)["error"]["code"] == "usb.list_invalid"
    shown = CliRunner().invoke(app, ["usb", "show", "--list", str(tmp_path / "none")])
    assert shown.exit_code == ExitCode.OK
    assert "USB" in shown.stdout
