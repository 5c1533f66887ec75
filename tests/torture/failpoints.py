"""Named failpoints at every system call that changes a file, and children that die there by kill -9.

The code under test is not changed: in a child process the functions of `os` that it calls are exchanged for ones that
count. The driver forks its children, so it must have one thread only and hold nothing open that they would share.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What changes a file or makes it durable. Path's methods come down to these.
CALLS = (
    "open",
    "write",
    "pwrite",
    "pwritev",
    "fsync",
    "fdatasync",
    "rename",
    "replace",
    "unlink",
    "ftruncate",
    "truncate",
    "mkdir",
)
WRITES = {"write", "pwrite", "pwritev"}
ENDED_WITHIN_S = 120.0

Tell = Callable[[str], None]


@dataclass(slots=True)
class Failpoints:
    """Counts calls on files below `folder`; kills the process at number `kill_at`, a write after half of it."""

    folder: Path
    kill_at: int | None
    tell: Tell
    count: int = 0

    def install(self) -> None:
        """Exchange the functions, for good: for children only."""
        for name in CALLS:
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        # Any: the functions of `os` are as different as can be.
        def call(*args: Any, **more: Any) -> Any:
            path = self._path(name, args)
            if path is None:
                return plain(*args, **more)
            if self.count == self.kill_at:
                self.tell(f"killed {name} {_kind(path)}")
                if name in WRITES:
                    _half(plain, args)
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1
            return plain(*args, **more)

        return call

    def _path(self, name: str, args: Sequence[Any]) -> Path | None:
        """Return the file that a call is about if it counts."""
        target = args[0]
        if isinstance(target, int):
            target = os.readlink(f"/proc/self/fd/{target}")
        path = Path(os.fsdecode(target))
        if not path.is_relative_to(self.folder):
            return None
        return None if name == "open" and not args[1] & os.O_CREAT else path


def _half(plain: Callable[..., Any], args: Sequence[Any]) -> None:
    handle, data, *offset = args
    whole = b"".join(data) if isinstance(data, list) else bytes(data)
    if plain.__name__ == "pwritev":
        plain(handle, [whole[: len(whole) // 2]], *offset)
    else:
        plain(handle, whole[: len(whole) // 2], *offset)


def _kind(path: Path) -> str:
    """Return a file's kind without its numbers and hashes."""
    return re.sub(r"-?[0-9a-f]{4,}(-[0-9a-f]{4,})*", "*", path.name)


@dataclass(slots=True)
class Child:
    """A forked child. `lines` is what it told; read it after `wait`."""

    pid: int
    pipe: int
    told: bytes = b""
    status: int | None = None

    @classmethod
    def start(cls, work: Callable[[Tell], None]) -> Child:
        """Fork; `work` gets a function that tells one line, at once, to the parent."""
        sys.stdout.flush()
        sys.stderr.flush()
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _run(work, read, write)
        os.close(write)
        return cls(pid, read)

    def kill(self) -> None:
        """End it as a power cut would; harmless when it has ended."""
        os.kill(self.pid, signal.SIGKILL)

    def wait_for(self, word: str) -> bool:
        """Wait until a line begins so; False when the child ended without it."""
        while not any(line.startswith(word) for line in self.lines):
            piece = os.read(self.pipe, 65536)
            if not piece:
                return False
            self.told += piece
        return True

    def wait(self) -> list[str]:
        """Wait for its end and return the lines. Raises AssertionError when it failed other than by a kill."""
        while piece := os.read(self.pipe, 65536):
            self.told += piece
        os.close(self.pipe)
        _, self.status = os.waitpid(self.pid, 0)
        assert self.killed or os.waitstatus_to_exitcode(self.status) == 0, "\n".join(self.lines)
        return self.lines

    def has_ended(self) -> bool:
        """Say whether it has ended, without waiting and without taking its status."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    @property
    def killed(self) -> bool:
        """Say whether SIGKILL ended it."""
        return self.status is not None and os.waitstatus_to_exitcode(self.status) == -signal.SIGKILL

    @property
    def lines(self) -> list[str]:
        """Return the whole lines told so far."""
        return self.told.decode().split("\n")[:-1]


def _run(work: Callable[[Tell], None], read: int, write: int) -> None:
    plain_write, plain_exit = os.write, os._exit
    code = 70
    try:
        os.close(read)
        work(lambda line: _told(plain_write(write, line.encode() + b"\n")))
        code = 0
    except BaseException:
        plain_write(write, b"failed\n" + traceback.format_exc().encode() + b"\n")
    finally:
        plain_exit(code)


def _told(_: int) -> None:
    """Drop what os.write returns."""
