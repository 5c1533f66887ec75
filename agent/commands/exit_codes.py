"""Exit codes of `kiosk`, the same for every subcommand; documented in docs/technician.md."""

from __future__ import annotations

from enum import IntEnum

from agent.words import KioskError


class ExitCode(IntEnum):
    """What a script can tell from the exit status."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    DAEMON_UNREACHABLE = 4
    ENDED_BY_PEOPLE = 5
    NO_RECEIPT_YET = 6
    WARNINGS = 7
    KEY_PIN = 8


_BY_CODE = {
    "config.invalid": ExitCode.CONFIG,
    "trust.not_provisioned": ExitCode.CONFIG,
    "key.pin_wrong": ExitCode.KEY_PIN,
    "key.pin_last_try": ExitCode.KEY_PIN,
    "key.pin_unreadable": ExitCode.KEY_PIN,
    "key.locked_out": ExitCode.KEY_PIN,
    "daemon.unreachable": ExitCode.DAEMON_UNREACHABLE,
    "intake.cancelled": ExitCode.ENDED_BY_PEOPLE,
    "intake.notice_refused": ExitCode.ENDED_BY_PEOPLE,
}


def exit_code(error: KioskError) -> ExitCode:
    """Return the exit code that stands for this error."""
    return _BY_CODE.get(error.code, ExitCode.FAILED)
