"""Sets the stage: keys and bundles, the collector, the devices on the wire, and the kiosk's own configuration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware_mocks.card_reader import CardReader

from demo.programs import Program, ProgramFailed

KIOSK = "demo-kiosk-1"
POLICY = Path(__file__).with_name("policy.json")
READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs during a demo."""

    folder: Path
    config: Path
    socket: Path
    reader: CardReader
    environment: Mapping[str, str]


@contextmanager
def set_stage(folder: Path, roster: Path, csca: Path) -> Iterator[Stage]:
    """Start collector, devices and agent; end them, and only them, on the way out.

    Raises ProgramFailed with the log of what did not start.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True)
    address = f"127.0.0.1:{_free_port()}"
    _init_collector(folder, address, csca)
    with ExitStack() as stack:
        collector = ["-m", "collector.cli", "serve", "--config", str(folder / "collector"), "--json"]
        stack.enter_context(Program("collector", collector, logs)).wait_ready(READY_WITHIN_S)
        reader = stack.enter_context(CardReader(folder / "card-reader"))
        environment = {"PCSCLITE_CSOCK_NAME": str(reader.socket)}
        config = _write_config(folder, address, roster)
        agent = Program("agent", ["-m", "agent.cli", "run", "--config", str(config)], logs, environment)
        stack.enter_context(agent).wait_ready(READY_WITHIN_S)
        yield Stage(folder, config, folder / "kiosk.sock", reader, environment)


def _init_collector(folder: Path, address: str, csca: Path) -> None:
    arguments = ["init", "--folder", folder / "collector", "--kiosk", KIOSK, "--kiosk-folder", folder / "trust"]
    arguments += ["--policy", POLICY, "--csca", csca, "--address", address, "--development"]
    command = [sys.executable, "-m", "collector.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise ProgramFailed(f"collector init: {done.stderr}")


def _write_config(folder: Path, collector: str, roster: Path) -> Path:
    config = folder / "kiosk.toml"
    config.write_text(
        f"""# Made by the demo.
[kiosk]
name = "{KIOSK}"
station = "Điểm thu nhận mẫu"
data_folder = "kiosk"
socket = "kiosk.sock"
development = true
log_format = "json"

[collector]
address = "{collector}"

[roster]
file = "{roster.name}"

[trust]
folder = "trust/{KIOSK}"

[models]
folder = "{Path("models").resolve()}"
""",
        encoding="utf-8",
    )
    os.chmod(config, 0o600)
    return config


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
