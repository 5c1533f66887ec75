"""A mock reader in a process of its own, for whoever needs one: tests, benches, the demo."""

from __future__ import annotations

import base64
import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

READY_S, ANSWER_S, END_S = 20.0, 10.0, 5.0


class PadError(Exception):
    """The mock reader did not start, ended early or refused an order; the text says why."""


class MockPad:
    """A U.are.U 4500 on USB/IP. A context manager; `options` are arguments of the program, such as --fault.

    It ends with its owner, however that goes.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self.address = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "firmware_mocks.fingerprint_pad", "--control", *self._options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=0
        )
        try:
            self.address = str(self._answer(READY_S)["address"])
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._running().pid

    def put_finger(self, finger: int | Path | NDArray[np.uint8]) -> None:
        """Lay a finger on the glass: the synthetic one of a seed, a picture file, or pixels (height x width)."""
        if isinstance(finger, int):
            self.order("put_finger", seed=finger)
        elif isinstance(finger, Path):
            self.order("put_finger", file=str(finger.resolve()))
        else:
            png = cv2.imencode(".png", finger)[1].tobytes()
            self.order("put_finger", data=base64.b64encode(png).decode("ascii"))

    def lift(self) -> None:
        """Take the finger away."""
        self.order("lift")

    def auto(self, seed: int | None, put_s: float = 0.2, lift_s: float = 0.0) -> None:
        """Put the fingers seed, seed + 1, … whenever the host waits for one, and lift them when it waits for that.

        None ends it.
        """
        self.order("auto", seed=seed, put_s=put_s, lift_s=lift_s)

    def unplug(self) -> None:
        """Pull the cable."""
        self.order("unplug")

    def plug(self) -> None:
        """Plug the cable in again."""
        self.order("plug")

    def hold(self, busy: bool) -> None:
        """Let another host have the reader, or give it back."""
        self.order("hold", busy=busy)

    def fault(self, word: str) -> None:
        """Change how the reader behaves, as `--fault` does; "healthy" ends all faults."""
        self.order("fault", word=word)

    def state(self) -> dict[str, Any]:
        """Return mode, counters and violations of the protocol by the host."""
        return self.order("state")

    def order(self, name: str, **values: object) -> dict[str, Any]:
        """Send one order and return the reader's state; raises PadError."""
        stdin = _pipe(self._running().stdin)
        try:
            stdin.write(json.dumps({"do": name, **values}).encode() + b"\n")
        except OSError as error:
            raise PadError(f"the reader has ended: {error}") from error
        return self._answer(ANSWER_S)

    def _answer(self, within_s: float) -> dict[str, Any]:
        stdout = _pipe(self._running().stdout)
        while b"\n" not in self._unread:
            if not select.select([stdout], [], [], within_s)[0]:
                raise PadError(f"no answer within {within_s:.0f} s")
            piece = stdout.read(65536)
            if not piece:
                raise PadError("the reader ended instead of answering; its standard error says why")
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise PadError(str(message["error"]))
        return message

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise PadError("the reader is not on the bus: use it as a context manager")
        return self._process

    def _end(self) -> None:
        process = self._running()
        _pipe(process.stdin).close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()
        self._process = None


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise PadError("no pipe to the reader")
    return pipe
