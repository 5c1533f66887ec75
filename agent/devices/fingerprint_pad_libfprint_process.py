"""The process that runs libfprint, seen from here: requests and answers over pipes, each wait with an end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from agent.devices.errors import (
    Cancelled,
    DeviceError,
    NoPad,
    PadBusy,
    PadFault,
    PadLost,
    PadNotPermitted,
)
from agent.devices.fingerprint_pad_endpoints import PIECE_S, Patience
from agent.devices.fingerprint_pad_errors import NoLibfprint, PictureRefused

SYSTEM_PYTHON: Final = Path("/usr/bin/python3")
WORKER: Final = Path(__file__).with_name("fingerprint_pad_libfprint_worker.py")
MAX_LINE_BYTES: Final = 64 * 1024
MAX_DATA_BYTES: Final = 16 * 2**20
READ_BYTES: Final = 1 << 16
END_S: Final = 2.0


_ERRORS: Final[Mapping[str, type[DeviceError]]] = {
    "missing": NoLibfprint,
    "none": NoPad,
    "busy": PadBusy,
    "lost": PadLost,
    "not_permitted": PadNotPermitted,
    "cancelled": Cancelled,
    "retry": PictureRefused,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the process said, and the bytes that came with it."""

    told: Mapping[str, Any]  # Any: JSON
    data: bytes = field(repr=False)


class LibfprintProcess:
    """A running worker; a context manager. Its environment holds nothing but `environment`.

    Raises NoLibfprint when it cannot be started.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, python: Path = SYSTEM_PYTHON) -> None:
        try:
            self._process = subprocess.Popen(
                [str(python), "-I", str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(environment or {}),
                bufsize=0,
            )
        except OSError as error:
            raise NoLibfprint(f"{python}: {error.strerror}") from error
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; one that does not go by itself is killed."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()

    def ask(self, request: Mapping[str, object], patience: Patience, data: bytes = b"") -> Answer:
        """Send a request and return its answer; raises as `answer`."""
        self.send(request, data)
        return self.answer(patience)

    def send(self, request: Mapping[str, object], data: bytes = b"") -> None:
        """Send a request whose answer is fetched later; when the process is gone, `answer` tells why."""
        line = json.dumps({**request, "size": len(data)}).encode() + b"\n"
        # Its last words, which lie in the other pipe, are the true cause.
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).write(line)
            for at in range(0, len(data), READ_BYTES):
                _pipe(self._process.stdin).write(data[at : at + READ_BYTES])

    def answer(self, patience: Patience) -> Answer:
        """Return the next answer; raises what it says, DeviceTimeout or Cancelled, or PadFault for nonsense."""
        while b"\n" not in self._unread:
            if len(self._unread) > MAX_LINE_BYTES:
                raise PadFault("libfprint's process talks without end")
            self._read(patience)
        line, _, rest = self._unread.partition(b"\n")
        told, size = _parsed(line)
        while len(rest) < size:
            self._read(patience)
            rest = self._unread[len(line) + 1 :]
        self._unread = rest[size:]
        if "error" in told:
            raise _ERRORS.get(str(told["error"]), PadFault)(str(told.get("detail", "")))
        return Answer(told, rest[:size])

    def _read(self, patience: Patience) -> None:
        """Read what is there; what came stays when the patience ends."""
        stdout = _pipe(self._process.stdout)
        while True:
            patience.check()
            left = min(PIECE_S, max(0.0, patience.deadline - time.monotonic()))
            if select.select([stdout], [], [], left)[0]:
                break
        piece = os.read(stdout.fileno(), READ_BYTES)
        if not piece:
            raise PadFault("libfprint's process ended")
        self._unread += piece


def _parsed(line: bytes) -> tuple[Mapping[str, Any], int]:
    try:
        told = json.loads(line)
        size = int(told["size"])
    except (ValueError, TypeError, KeyError) as error:
        raise PadFault("libfprint's process does not speak as agreed") from error
    if not 0 <= size <= MAX_DATA_BYTES:
        raise PadFault(f"libfprint's process announces {size} bytes")
    return told, size


def _pipe(pipe: Any) -> Any:  # Any: Popen's pipes are optional by type
    if pipe is None:
        raise PadFault("no pipe to libfprint's process")
    return pipe
