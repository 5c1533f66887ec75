"""Sets the stage: keys and bundles, the collector, the devices on the wire, and the kiosk's own configuration."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from firmware_mocks.camera import CameraMock
from firmware_mocks.card_reader import CardReader
from firmware_mocks.fingerprint_pad import MockPad

from demo.programs import Program, ProgramFailed

KIOSK = "demo-kiosk-1"
POLICY = Path(__file__).with_name("policy.json")
MODELS = Path(__file__).resolve().parent.parent / "models"
READY_WITHIN_S = 30.0

Setting = str | int | float | bool
# The agent's configuration: table -> key -> value.
Settings = Mapping[str, Mapping[str, Setting]]


@dataclass(slots=True)
class Stage:
    """Everything that runs: mock devices, collector and agent; the latter two can be ended and started again."""

    folder: Path
    collector_address: str
    enrolment_address: str
    reader: CardReader
    camera: CameraMock
    pad: MockPad
    _collector: Program | None = field(default=None, repr=False)
    _agent: Program | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        """The agent's Unix socket."""
        return self.folder / "kiosk.sock"

    @property
    def config(self) -> Path:
        """The agent's configuration file."""
        return self.folder / "kiosk.toml"

    @property
    def logs(self) -> Path:
        """Where all programs write their logs."""
        return self.folder / "logs"

    @property
    def agent(self) -> Program:
        """The running agent."""
        if self._agent is None:
            raise ProgramFailed("the agent was not started")
        return self._agent

    def start_collector(self) -> None:
        """Start the collector and wait until it accepts streams; raise ProgramFailed."""
        arguments = ["-m", "collector.cli", "serve", "--config", str(self.folder / "collector"), "--json"]
        self._collector = Program("collector", arguments, self.logs)
        self._collector.wait_ready(READY_WITHIN_S)

    def end_collector(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End the collector."""
        if self._collector is not None:
            self._collector.end(with_signal)

    def start_agent(self, more_environment: Mapping[str, str] | None = None) -> None:
        """Start the agent and wait until its socket answers; raise ProgramFailed."""
        environment = {"PCSCLITE_CSOCK_NAME": str(self.reader.socket), **(more_environment or {})}
        self._agent = Program("agent", ["-m", "agent.cli", "run", "--config", str(self.config)], self.logs, environment)
        self._agent.wait_ready(READY_WITHIN_S)

    def end_agent(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End the agent."""
        if self._agent is not None:
            self._agent.end(with_signal)


@contextmanager
def set_stage(
    folder: Path, roster: Path, csca: Path, more: Settings | None = None, policy: Path = POLICY
) -> Iterator[Stage]:
    """Start collector, devices and agent; end them, and only them, on the way out.

    `more` are settings of the agent beyond the demo's own. Raises ProgramFailed or a mock's error with the log of
    what did not start.
    """
    address, second_address = (f"127.0.0.1:{_free_port()}" for _ in range(2))
    (folder / "logs").mkdir(parents=True)
    _init_collector(folder, address, second_address, csca, policy)
    with ExitStack() as stack:
        reader = stack.enter_context(CardReader(folder / "card-reader"))
        camera = stack.enter_context(CameraMock())
        pad = stack.enter_context(MockPad())
        stage = Stage(folder, address, second_address, reader, camera, pad)
        _write_config(stage, roster, more or {})
        stack.callback(stage.end_collector)
        stage.start_collector()
        _enrol(stage)
        stack.callback(stage.end_agent)
        stage.start_agent()
        yield stage


def _write_config(stage: Stage, roster: Path, more: Settings) -> None:
    settings: dict[str, dict[str, Setting]] = {
        "kiosk": {
            "name": KIOSK,
            "station": "Điểm thu nhận mẫu",
            "data_folder": "kiosk",
            "socket": "kiosk.sock",
            "development": True,
            "log_format": "json",
        },
        "collector": {"address": stage.collector_address, "enrolment_address": stage.enrolment_address},
        "camera": {"source": stage.camera.url},
        "pad": {"backend": "usbip", "address": stage.pad.address},
        "roster": {"file": str(roster)},
        "trust": {"folder": f"trust/{KIOSK}"},
        "models": {"folder": str(MODELS)},
    }
    for table, values in more.items():
        settings.setdefault(table, {}).update(values)
    stage.config.write_text("# Made by the demo.\n" + _toml(settings), encoding="utf-8")
    os.chmod(stage.config, 0o600)


def _toml(settings: Settings) -> str:
    """JSON's texts, numbers and booleans are TOML's, too."""
    lines = []
    for table, values in settings.items():
        lines.append(f"\n[{table}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _init_collector(folder: Path, address: str, enrolment_address: str, csca: Path, policy: Path) -> None:
    arguments = ["init", "--folder", folder / "collector", "--policy", policy, "--csca", csca, "--development"]
    _run("collector.cli", *arguments, "--address", address, "--enrolment-address", enrolment_address)


def _enrol(stage: Stage) -> None:
    """Do what a technician does at a new kiosk: campaign key, record key, one-time token."""
    collector, trust = stage.folder / "collector", stage.folder / "trust" / KIOSK
    trust.mkdir(parents=True, mode=0o700)
    shutil.copy(collector / "campaign" / "campaign.pem", trust)
    _run("agent.cli", "keys", "create", "--config", stage.config)
    _run("collector.cli", "register", KIOSK, "--record-key", trust / "record.pub.pem", "--config", collector)
    issued = _run("collector.cli", "kiosk", "add", KIOSK, "--reason", "demo", "--config", collector, "--json")
    _run("agent.cli", "enrol", "--token", json.loads(issued)["token"], "--config", stage.config)


def _run(module: str, *arguments: object) -> str:
    """Run a command and return what it printed; raise ProgramFailed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise ProgramFailed(f"{module} {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
