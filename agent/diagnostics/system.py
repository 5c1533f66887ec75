"""The machine as files and programs; the root folder and the search path are parameters."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.diagnostics.limits import Limits, NotAssessed


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


@dataclass(frozen=True, slots=True)
class System:
    """`root` holds sys, proc, dev, etc and run; `path` is where programs are looked for; `clock` gives Unix time.

    `may_use` says whether this user may read and write a device's file.
    """

    root: Path = Path("/")
    path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))
    clock: Callable[[], float] = time.time
    may_use: Callable[[Path], bool] = _may_use

    def at(self, place: str) -> Path:
        """Return where a path such as "proc/meminfo" is on this machine."""
        return self.root / place

    def text(self, place: str) -> str | None:
        """Return a small file's text, stripped; None when it is not there or has nothing to tell.

        Raises NotAssessed when this user may not read it.
        """
        return read_text(self.at(place))

    def number(self, place: str) -> int | None:
        """Return a file's one number, or None."""
        return as_number(self.text(place))

    def each(self, place: str, pattern: str) -> list[Path]:
        """Return the entries of a folder that match, sorted; none when there is no such folder."""
        return sorted(self.at(place).glob(pattern))

    def ask(self, command: Sequence[str], limits: Limits, *, accept: Iterable[int] = (0,)) -> str:
        """Return what a program prints. Raises NotAssessed when it is not there, fails or does not end in time."""
        program = shutil.which(command[0], path=self.path)
        if program is None:
            raise NotAssessed(f"Máy không có lệnh {command[0]}.", f"There is no program {command[0]}.")
        try:
            done = subprocess.run(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limits.left_s,
                check=False,
                env={"PATH": self.path, "LC_ALL": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            raise NotAssessed(f"{command[0]} không trả lời.", f"{command[0]} does not answer.") from None
        except OSError as error:
            raise NotAssessed(f"Không chạy được {command[0]}.", f"{command[0]}: {error.strerror}") from error
        if done.returncode not in accept:
            raise NotAssessed(
                f"{command[0]} báo lỗi.", f"{command[0]} fails.", f"exit {done.returncode}: {_first_line(done.stderr)}"
            )
        return done.stdout.decode(errors="replace")


def read_text(path: Path) -> str | None:
    """Return a small file's text, stripped, or None; raises NotAssessed when this user may not read it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except PermissionError as error:
        raise not_permitted(path) from error
    except OSError:
        # Drivers answer ENODATA, EIO or ENODEV for what they do not know.
        return None


def as_number(text: str | None) -> int | None:
    """Return a decimal or 0x… number, or None."""
    try:
        return int(text or "", 0)
    except ValueError:
        return None


def not_permitted(path: Path) -> NotAssessed:
    """Say that this user may not look there."""
    return NotAssessed(
        "Người dùng này không có quyền đọc; chạy lại bằng sudo.",
        "This user may not read it; run it with sudo.",
        str(path),
    )


def _first_line(output: bytes) -> str:
    return output.decode(errors="replace").strip().partition("\n")[0][:200]
