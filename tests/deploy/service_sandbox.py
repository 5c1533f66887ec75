"""What systemd does to a service before it starts it, done to this process: system calls, write-and-execute, caps.

Only the lines of the unit that need no systemd: SystemCallFilter=, MemoryDenyWriteExecute=, NoNewPrivileges=,
LimitCORE=. systemd-analyze tells what is in a group of system calls, libseccomp loads the filter.
"""

from __future__ import annotations

import ctypes
import errno
import resource
import subprocess
from collections.abc import Iterable
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "kiosk.service"
# linux/prctl.h; seccomp.h
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, PR_SET_NO_NEW_PRIVS = 65, 1, 38
SCMP_ACT_ERRNO, SCMP_ACT_ALLOW = 0x00050000, 0x7FFF0000


def settings(unit: str, key: str) -> list[str]:
    """Return the values of a setting, in order."""
    lines = (line.partition("=") for line in unit.splitlines() if not line.startswith("#"))
    return [value for name, _, value in lines if name == key]


def system_calls(groups: Iterable[str]) -> set[str]:
    """Return the names in these groups and calls, groups within groups too."""
    found: set[str] = set()
    for name in groups:
        if not name.startswith("@"):
            found.add(name)
            continue
        told = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
        members = (line.strip() for line in told.stdout.splitlines()[1:])
        found |= system_calls(member for member in members if member and not member.startswith("#"))
    return found


def allowed(unit: str) -> set[str]:
    """Return the system calls that the unit leaves: lists with ~ are taken away from those before."""
    left: set[str] = set()
    for value in settings(unit, "SystemCallFilter"):
        calls = system_calls(value.lstrip("~").split())
        left = left - calls if value.startswith("~") else left | calls
    # systemd always leaves these (systemd.exec(5)).
    return left | system_calls(["@default"])


def enter(calls: Iterable[str]) -> None:
    """Lock this process and its children in; raise OSError where the kernel cannot."""
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2", use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    kernel = ctypes.c_void_p(seccomp.seccomp_init(SCMP_ACT_ERRNO | errno.EPERM))
    for name in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        # Below zero: a call of another architecture.
        if number >= 0:
            seccomp.seccomp_rule_add(kernel, SCMP_ACT_ALLOW, number, 0)
    if seccomp.seccomp_load(kernel):
        raise OSError(errno.ENOSYS, "seccomp_load")
