"""Which processes have a device open, as procfs tells it; only root sees those of other users."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agent.diagnostics.system import System, read_text

# What the kiosk itself runs is no stranger to its devices.
OURS = ("agent.devices._camera_worker", "agent.cli", "kiosk")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has the device open."""

    pid: int
    name: str
    ours: bool

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders(system: System, node: str) -> list[Holder]:
    """Return who has a device such as /dev/video0 open."""
    found = []
    for process in sorted(system.at("proc").glob("[0-9]*")):
        if process.name.isdecimal() and _has_open(process, node):
            arguments = _arguments(process)
            ours = any(Path(word).name in OURS or word in OURS for word in arguments)
            found.append(Holder(int(process.name), read_name(process), ours))
    return found


def read_name(process: Path) -> str:
    """Return the program's short name."""
    return read_text(process / "comm") or "?"


def _has_open(process: Path, node: str) -> bool:
    try:
        return any(_target(entry) == node for entry in (process / "fd").iterdir())
    except OSError:
        return False


def _target(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except OSError:
        return ""


def _arguments(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
