"""The daemon's side of the vision worker: sends frames, restarts it when it dies or hangs."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Self

import structlog

from agent.capture.liveness.glimpse_wire import decode_glimpse
from agent.capture.liveness.series import Glimpse
from agent.capture.portrait import models
from agent.capture.portrait import vision_wire as wire
from agent.capture.portrait.errors import FrameNotTaken, SizeLimitTooSmall, VisionFailed
from agent.capture.portrait.measures import Analysis, SizeLimits, Still
from agent.devices.errors import Cancelled, DeviceTimeout
from agent.devices.seams import Pixels

log = structlog.get_logger()

FRAME_WITHIN_S = 5.0
START_WITHIN_S = 30.0
ATTEMPTS = 2
POLL_S = 0.05
# All that the worker is given of the environment: no secrets.
ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class _Lost(Exception):
    """The worker died, hung or answered nonsense; the text says which."""


class VisionWorker:
    """Measures frames in another process, restarted when it dies or takes longer than `frame_within_s`.

    It sleeps while nobody asks. Threads may share it; they wait for one another. The models are checked when it is
    made and again by the worker: raises ModelMissing or ModelWrong.
    """

    def __init__(
        self, models_folder: Path, frame_within_s: float = FRAME_WITHIN_S, start_within_s: float = START_WITHIN_S
    ) -> None:
        for model in models.MODELS:
            models.load_model(models_folder, model)
        self._models, self._frame_within_s, self._start_within_s = models_folder, frame_within_s, start_within_s
        used = [*models.MODELS, *([models.YUNET] if models.installed(models_folder, models.YUNET) else [])]
        self.model_hashes = {model.name: model.sha256 for model in used}
        self._memory = wire.VisionMemory.create()
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._ready = False
        self._asked = 0

    def __enter__(self) -> Self:
        """Start the worker without waiting for it: it is ready long before the first person stands there."""
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._end()
            self._memory.close()

    @property
    def pid(self) -> int | None:
        """Process id of the present worker."""
        return self._process.pid if self._process is not None else None

    def preview(self, pixels: Pixels, deadline: float, cancelled: Event) -> Analysis:
        """Measure what a preview needs in one BGR frame.

        `deadline` is on time.monotonic(). Raises DeviceTimeout, Cancelled, FrameNotTaken for a frame that nobody can
        judge, and VisionFailed when the worker failed twice.
        """
        with self._asking():
            return wire.decode_analysis(self._ask({"do": wire.PREVIEW}, pixels, deadline, cancelled))

    def still(self, pixels: Pixels, deadline: float, cancelled: Event, limits: SizeLimits | None = None) -> Still:
        """Measure everything in one BGR frame and encode it. Raises like `preview`, and SizeLimitTooSmall."""
        limits = limits or SizeLimits()
        order = {"do": wire.STILL, "limits": (limits.still, limits.crop, limits.crop_type)}
        with self._asking():
            return wire.decode_still(self._ask(order, pixels, deadline, cancelled), self._memory)

    def glimpse(self, pixels: Pixels, deadline: float, cancelled: Event) -> Glimpse:
        """Measure what liveness needs of one BGR frame. Raises like `preview`."""
        with self._asking():
            told = self._ask({"do": wire.GLIMPSE}, pixels, deadline, cancelled)
            size = told.get("jpeg")
            if not isinstance(size, int):
                raise ValueError("not a glimpse")
            return decode_glimpse(told, self._memory.jpegs(size)[0])

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One at a time; an answer that is none ends the worker."""
        with self._lock:
            try:
                yield
            except ValueError as error:
                self._end()
                raise VisionFailed(str(error)) from error

    def _ask(self, order: wire.Message, pixels: Pixels, deadline: float, cancelled: Event) -> wire.Message:
        if not wire.fits(pixels):
            raise FrameNotTaken("x".join(str(side) for side in pixels.shape))
        cause = ""
        for _ in range(ATTEMPTS):
            try:
                return self._once(order, pixels, deadline, cancelled)
            except _Lost as error:
                cause = str(error)
                log.warning("vision.restarting", cause=cause)
                self._end()
        raise VisionFailed(cause)

    def _once(self, order: wire.Message, pixels: Pixels, deadline: float, cancelled: Event) -> wire.Message:
        link = self._link or self._start()
        if not self._ready:
            self._receive(link, time.monotonic() + self._start_within_s, deadline, cancelled)
            self._ready = True
        self._asked += 1
        self._memory.put_frame(pixels)
        height, width = pixels.shape[:2]
        try:
            wire.send(link, {**order, "id": self._asked, "height": height, "width": width})
        except OSError as error:
            raise _Lost("it is gone") from error
        limit = time.monotonic() + self._frame_within_s
        while True:
            answer = self._receive(link, limit, deadline, cancelled)
            # An answer that nobody waited for any more may come first.
            if answer.get("id") == self._asked:
                return _checked(answer)

    def _receive(self, link: socket.socket, limit: float, deadline: float, cancelled: Event) -> wire.Message:
        """Wait for a message until `limit`, which is the worker's fault, or `deadline`, which is not."""
        while not select.select([link], [], [], POLL_S)[0]:
            if cancelled.is_set():
                raise Cancelled
            if time.monotonic() >= limit:
                raise _Lost("it does not answer")
            if time.monotonic() >= deadline:
                raise DeviceTimeout("the picture was not judged in time")
        try:
            return wire.receive(link)
        except (EOFError, OSError) as error:
            raise _Lost("it died") from error
        except ValueError as error:
            raise _Lost("it does not make sense") from error

    def _start(self) -> socket.socket:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = False
        # A request is far smaller than the socket's buffer: sending never waits long, even for a stopped worker.
        self._link.settimeout(self._frame_within_s)
        with theirs:
            handles = (theirs.fileno(), self._memory.handle)
            command = [sys.executable, "-m", "agent.capture.portrait._vision_worker", str(os.getpid())]
            try:
                self._process = subprocess.Popen(
                    [*command, *map(str, handles), str(self._models)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=handles,
                    env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | ONE_THREAD,
                    # Ctrl-C on the terminal is for the daemon, which ends us.
                    start_new_session=True,
                )
            except OSError as error:
                self._end()
                raise VisionFailed(f"cannot be started: {error.strerror}") from error
        return self._link

    def _end(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _checked(answer: wire.Message) -> wire.Message:
    match answer.get("error"):
        case None:
            return answer
        case SizeLimitTooSmall.__name__:
            raise SizeLimitTooSmall
        case kind:
            raise FrameNotTaken(str(kind))
