"""Programs that the demo starts, watches and ends: each in a process group of its own, ended by its pid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

END_WITHIN_S = 10.0

Ready = Mapping[str, Any]  # Any: each program's ready line has its own keys


class ProgramFailed(RuntimeError):
    """A program of the demo did not start or ended early; its log is named."""


class Program:
    """One running program; its standard output and error go to `<logs>/<name>.log`."""

    def __init__(
        self, name: str, arguments: Sequence[str], logs: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._file = self.log.open("ab")
        self._begin = self.log.stat().st_size
        self._process = subprocess.Popen(
            # Even a demo that is killed leaves nothing running. Not by a function after the fork: with gRPC's threads
            # in this process it may never come to its end.
            ["setpriv", "--pdeathsig", "TERM", sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def wait_ready(self, within_s: float) -> Ready:
        """Return the program's JSON line that has "ready" as its event or state; raise ProgramFailed."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = self._ready_line()
            if found is not None:
                return found
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise ProgramFailed(f"{self.name} is not ready; its log:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End the program (and only it), hard after a while; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
            try:
                self._process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._file.close()
        return self._process.wait()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def _ready_line(self) -> Ready | None:
        # A program that was started again goes on in the same log.
        for line in self.log.read_bytes()[self._begin :].decode(errors="replace").splitlines():
            if '"ready"' not in line:
                continue
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                return told
        return None
