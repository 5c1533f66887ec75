"""A kiosk in a folder of its own: configuration, trust, roster, queue, and a machine made of files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config, load_config
from agent.diagnostics.catalogue import CHECKS
from agent.diagnostics.check import Check
from agent.diagnostics.context import Context, RunningDaemon, Wishes
from agent.diagnostics.finding import Finding
from agent.diagnostics.run import run_checks, select
from agent.diagnostics.system import System
from agent.words import KioskError
from tests.collector.world import KIOSK, World
from tests.diagnostics.machine import Machine

ROSTER = "number,full_name,birth_date,branch,eligible\n001099012345,Nguyễn Văn An,1990-01-02,CB1,yes\n"


class NoDaemon(KioskError):
    """None runs in most tests."""

    code = "daemon.unreachable"


class Kiosk:
    """A healthy kiosk on the disk; tests break one thing and ask for one check."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.path, self.trust, self.data = folder / "kiosk.toml", folder / "trust", folder / "data"
        self.data.mkdir(mode=0o700)
        (folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
        (folder / "models").mkdir()
        self.machine = Machine(folder / "machine")
        self.daemon: RunningDaemon | KioskError = NoDaemon("no socket")
        self.wishes = Wishes()
        self.address = address
        self.configure()

    @property
    def config(self) -> Config:
        """The configuration as it is in the file."""
        return load_config(self.path)

    def configure(self, more: str = "", *, development: bool = True, kiosk: str = "") -> None:
        """Write the file; `more` are further tables, `kiosk` further lines of [kiosk]."""
        self.path.write_text(
            f'[kiosk]\nname = "{KIOSK}"\nstation = "S"\ndata_folder = "data"\nsocket = "kiosk.sock"\n'
            f"development = {str(development).lower()}\n{kiosk}\n"
            f'[collector]\naddress = "{self.address}"\n[roster]\nfile = "roster.csv"\n[trust]\nfolder = "trust"\n'
            f'[models]\nfolder = "models"\n{more}',
            encoding="utf-8",
        )

    def context(self) -> Context:
        """Return what the checks look at now."""
        config: Config | KioskError
        try:
            config = load_config(self.path)
        except KioskError as error:
            config = error
        return Context(self.path, config, self.daemon, self.machine.system(), self.wishes)

    def findings(self, *wanted: str) -> list[Finding]:
        """Run the checks that these words mean."""
        return run_checks(select(CHECKS, wanted), self.context())

    def finding(self, code: str) -> Finding:
        """Run the one check with this code."""
        (check,) = [check for check in CHECKS if check.code == code]
        (found,) = run_checks([check], self.context())
        return found


class ToldDaemon:
    """A daemon that tells what the test says."""

    def __init__(self, status: Mapping[str, Any] | None = None, use: Mapping[str, Any] | None = None) -> None:
        uplink: dict[str, Any] = {"connected": True, "error": None, "quarantined": [], "collector_offset_ns": 1_000_000}
        self.told: dict[str, Any] = {"kiosk": KIOSK, "uplink": uplink, "unfinished_visit": False, **(status or {})}
        self.use: dict[str, Any] = {"visit_open": False, **(use or {})}
        self.sample: dict[str, Any] = {}
        self.picture = b""

    def status(self) -> Mapping[str, Any]:
        """Kiosk and uplink."""
        return self.told

    def device_use(self) -> Mapping[str, Any]:
        """Tell what it holds."""
        return self.use

    def camera(self) -> Mapping[str, Any]:
        """Tell what its camera gives."""
        return self.sample

    def camera_picture(self) -> bytes:
        """One picture."""
        return self.picture


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Make one collector with its kiosks for all tests; copies are cheaper than new keys."""
    return World.make(tmp_path_factory.mktemp("world"))


@pytest.fixture
def kiosk(made_world: World, tmp_path: Path) -> Kiosk:
    """Return a healthy kiosk without a daemon."""
    shutil.copytree(made_world.folder / "trust" / KIOSK, tmp_path / "trust")
    return Kiosk(tmp_path, made_world.config.address)


def until(holds: Callable[[], bool], within_s: float = 30) -> None:
    """Wait for a condition with a generous deadline."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def assert_fault(found: Finding, code: str) -> None:
    """Demand this fault, explained in both languages, with a remedy and evidence."""
    assert found.code == code, found
    assert found.cause.vi
    assert found.cause.en
    assert found.remedy.vi
    assert found.remedy.en


def checks_of(family: str) -> list[Check]:
    """Return a family's checks."""
    return [check for check in CHECKS if check.family == family]


__all__ = ["Kiosk", "NoDaemon", "System", "ToldDaemon", "assert_fault", "checks_of", "until"]
