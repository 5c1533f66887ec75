"""The mock camera as a program of its own, with the hand that makes it misbehave."""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote, urlsplit

from firmware_mocks.camera.errors import CameraError

READY_S, END_S, ORDER_S = 30.0, 5.0, 30.0


class CameraMock:
    """A camera that runs while the `with` block does; `url` is what a client opens.

    It ends with the block, and by itself when the process that started it is gone.
    """

    def __init__(
        self, subject: str = "passing", seed: int = 1, size: tuple[int, int] = (1280, 720), fps: float = 30
    ) -> None:
        self._arguments = ["--subject", subject, "--seed", str(seed), "--size", f"{size[0]}x{size[1]}"]
        self._arguments += ["--fps", str(fps)]
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()
        self._control = ""
        self.url = ""

    def __enter__(self) -> Self:
        """Start the camera and wait until it can be opened; raises CameraError with the program's last words."""
        with ExitStack() as stack:
            errors = stack.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                [sys.executable, "-m", "firmware_mocks.camera", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            stack.callback(self._end, self._process)
            ready = _ready(self._process, errors)
            self.url, self._control = str(ready["url"]), str(ready["control"])
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def pid(self) -> int:
        """The camera program's process id."""
        if self._process is None:
            raise CameraError("not started")
        return self._process.pid

    def show(self, subject: str | Path, seed: int = 1) -> None:
        """Put another subject, or a picture file, before the camera; raises CameraError for an unknown one."""
        self._order(f"/subject/{quote(str(subject), safe='')}?seed={seed}")

    def freeze(self) -> None:
        """Stop sending pictures; connections stay open."""
        self._order("/fault/freeze")

    def thaw(self) -> None:
        """Send new pictures again."""
        self._order("/fault/thaw")

    def repeat(self) -> None:
        """Send the very same picture again and again, as a driver does whose camera was unplugged."""
        self._order("/fault/repeat")

    def drop_connection(self) -> None:
        """Close all open streams; new ones are served."""
        self._order("/fault/drop-connection")

    def _order(self, path: str) -> None:
        address = urlsplit(self._control)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=ORDER_S)
        try:
            connection.request("POST", path)
            answer = connection.getresponse()
            answer.read()
        except OSError as error:
            raise CameraError(f"the camera does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.NO_CONTENT:
            raise CameraError(answer.reason)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ready(process: subprocess.Popen[bytes], errors: IO[bytes]) -> dict[str, Any]:  # Any: a JSON object
    deadline = time.monotonic() + READY_S
    while process.stdout is not None and time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        line = process.stdout.readline()
        if not line:
            break
        told: dict[str, Any] = json.loads(line)
        return told
    errors.seek(0)
    last = errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    raise CameraError("".join(last) or f"not ready within {READY_S:.0f} s")
