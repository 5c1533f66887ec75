"""The real commands in processes of their own: enrol, connect, revoke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.world import KIOSK
from tests.enrolment.centre import Centre, NewKiosk
from tests.enrolment.test_admission import uplink_of
from tests.uplink.kiosk import WITHIN_S, CollectorProcess, await_

CONFIG = """
[kiosk]
name = "{name}"
station = "x"
data_folder = "data"
[collector]
address = "{address}"
enrolment_address = "{second}"
[trust]
folder = "."
"""


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN_S, env=environment)


@pytest.fixture
def running(centre: Centre) -> Iterator[Centre]:
    """Run `collector serve`."""
    collector = CollectorProcess(centre.folder / "collector")
    yield centre
    assert collector.stop() == 0
    assert "Traceback" not in (centre.folder / "collector" / "log").read_text(encoding="utf-8")


@pytest.fixture
def config(running: Centre, kiosk: NewKiosk) -> Path:
    """Return the kiosk's configuration."""
    path = kiosk.trust / "kiosk.toml"
    path.write_text(
        CONFIG.format(name=KIOSK, address=running.config.address, second=running.config.enrolment_address),
        encoding="utf-8",
    )
    return path


def test_from_nothing_to_a_stream_and_out_again(running: Centre, kiosk: NewKiosk, config: Path) -> None:
    """As a technician and an administrator type it; the stream ends within seconds of `revoke`."""
    collector = running.folder / "collector"
    assert run("agent.cli", "keys", "create", "--config", config).returncode == 0
    key = kiosk.trust / "record.pub.pem"
    assert run("collector.cli", "register", KIOSK, "--record-key", key, "--config", collector).returncode == 0
    added = run("collector.cli", "kiosk", "add", KIOSK, "--reason", "test", "--config", collector, "--json")
    token = json.loads(added.stdout)["token"]
    unreached = run("agent.cli", "enrol", "--token", token, "--config", config, "--collector", "127.0.0.1:1")
    assert unreached.returncode == 1
    assert "enrolment.not_reached" in unreached.stderr
    enrolled = run("agent.cli", "enrol", "--token", token, "--config", config, "--json")
    assert enrolled.returncode == 0, enrolled.stdout + enrolled.stderr
    assert json.loads(enrolled.stdout)["bundles"]["policy"] == 1
    assert token not in enrolled.stdout + enrolled.stderr
    with uplink_of(kiosk) as (uplink, _):
        await_(lambda: uplink.state.connected)
        revoked = run("collector.cli", "kiosk", "revoke", KIOSK, "--reason", "stolen", "--config", collector)
        assert revoked.returncode == 0
        await_(lambda: uplink.state.last_error is not None and uplink.state.last_error.code == "uplink.kiosk_refused")
    again = run("agent.cli", "enrol", "--token", token, "--config", config)
    assert again.returncode == 1
    assert "enrolment.token_refused" in again.stderr
    assert "Traceback" not in again.stderr


def test_without_an_address_it_says_what_to_set(config: Path) -> None:
    """Neither in the configuration nor given."""
    lines = [line for line in config.read_text(encoding="utf-8").splitlines() if "enrolment" not in line]
    config.write_text("\n".join(lines), encoding="utf-8")
    done = run("agent.cli", "enrol", "--token", "x", "--config", config)
    assert done.returncode == 1
    assert "collector.enrolment_address" in done.stderr
