"""What the mock reader needs of the operating system."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from firmware_mocks.card_reader.errors import NotInstalled

PORT = 35963  # of vpcd, private to the namespace, so every reader can have the same
READER_NAME = "Mock Contactless Reader"
DRIVERS = Path("/usr/lib/pcsc/drivers/serial")
_CAP_SYS_ADMIN = 1 << 21
_PROGRAMS = {"pcscd": "pcscd", "ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "mount": "mount"}


def program(name: str) -> str | None:
    """Find the path of a program, also where /usr/sbin is not on PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


def driver(folder: Path = DRIVERS) -> Path:
    """Find the library of vpcd, whose version is part of its name; raises NotInstalled."""
    for path in sorted(folder.glob("libifdvpcd.so*")):
        return path
    raise NotInstalled(["vpcd"], ["vsmartcard-vpcd"])


def may_unshare() -> bool:
    """Whether we hold CAP_SYS_ADMIN; without it (also as root in a container) a user namespace has to lend it."""
    status = Path("/proc/self/status").read_text("ascii")
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) & _CAP_SYS_ADMIN)


def check(folder: Path = DRIVERS) -> None:
    """Raise NotInstalled naming everything that is missing and the packages to install."""
    lacking = dict(_lacking(folder))
    if lacking:
        raise NotInstalled(list(lacking), sorted(set(lacking.values())))


def _lacking(folder: Path) -> Iterator[tuple[str, str]]:
    yield from ((name, package) for name, package in _PROGRAMS.items() if not program(name))
    if not any(folder.glob("libifdvpcd.so*")):
        yield "vpcd", "vsmartcard-vpcd"
