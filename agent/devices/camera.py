"""The camera as a FrameSource: supervises the worker process that owns VideoCapture."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from agent.devices.camera_address import KIND, CameraAddress
from agent.devices.camera_memory import FrameMemory
from agent.devices.errors import CameraBusy, CameraFrozen, CameraNotPermitted, Cancelled, DeviceError, NoCamera
from agent.devices.seams import DeviceInfo, DeviceState, Frame

log = structlog.get_logger()

# Without a new frame for so long the camera counts as frozen, and its worker is replaced.
FROZEN_S = 2.0
# The first frame may take longer: cameras negotiate.
FIRST_FRAME_S = 8.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.2, 5.0
# As large as the largest picture that can be judged (camera_modes; cv2 stays out of this process).
STILL_PIXELS = 4096 * 3072
WATCH_S, POLL_S, PLUGGED_S = 0.05, 0.003, 0.25
WORKER_CANNOT_OPEN = 3
# The bits in which the worker answers (camera_controls.Control); cv2 stays out of this process.
CONTROLS = {"exposure": 1, "white balance": 2, "focus": 4}
STATES = {NoCamera: DeviceState.ABSENT, CameraBusy: DeviceState.BUSY, CameraNotPermitted: DeviceState.FAILED}
# All that the worker is given of the environment: no secrets, and no proxy between us and a camera.
ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")


class Camera:
    """A camera that always shows its newest picture. A worker that dies or hangs is killed and started again.

    `source` is a V4L2 index, a path below /dev, or (with `development`) a URL. It is asked for `width` x `height`;
    a camera that chooses another mode is taken as it is, and only shrunk when it gives more pixels than that.
    Raises CameraNotAllowed. Without a new picture for `frozen_s` the worker is replaced.
    """

    def __init__(
        self,
        source: int | str,
        width: int = 1280,
        height: int = 720,
        fps: int = 30,
        *,
        development: bool = False,
        frozen_s: float = FROZEN_S,
        largest_still: bool = True,
    ) -> None:
        self._address = CameraAddress.parse(source, development=development)
        self._mode = (str(width), str(height), str(fps))
        self._frozen_s = frozen_s
        self._memory = FrameMemory.create(width * height, STILL_PIXELS if largest_still else 0)
        self._stopping = Event()
        self._cause: DeviceError | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._supervisor = Thread(target=self._supervise, name="camera", daemon=True)

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._supervisor.join()
        self._memory.close()

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Return the newest frame numbered above `after`.

        Waits through restarts of the worker until `deadline` (time.monotonic()); then raises what is wrong:
        NoCamera, CameraNotPermitted, CameraBusy or CameraFrozen. Raises Cancelled.
        """
        while not cancelled.is_set():
            if self._memory.newest() > after and self._fresh:
                frame = self._memory.read()
                if frame is not None:
                    return frame
            if time.monotonic() >= deadline:
                raise self._cause or CameraFrozen("no new picture before the deadline")
            cancelled.wait(POLL_S)
        raise Cancelled

    def still(self, deadline: float, cancelled: Event) -> Frame | None:
        """Return one picture in the camera's largest mode; None when that is no larger, or not given by `deadline`.

        Raises Cancelled. The camera's usual pictures pause for about a second.
        """
        if not self._memory.still_capacity:
            return None
        wish = self._memory.want_still()
        try:
            while not cancelled.is_set():
                if self._memory.still_taken(wish):
                    return self._memory.take_still()
                if time.monotonic() >= deadline:
                    return None
                cancelled.wait(POLL_S)
        finally:
            self._memory.give_up_still()
        raise Cancelled

    def lock(self, *, on: bool) -> None:
        """Ask for exposure, white balance and focus to stay as they are, or to be regulated again; returns at once."""
        self._memory.want_lock(on)

    def locked(self) -> str:
        """Return each control by name, locked or refused by the camera; or that none is locked."""
        bits = self._memory.locked
        if bits is None:
            return "not locked"
        return ", ".join(f"{name} {'locked' if bits & bit else 'refused'}" for name, bit in CONTROLS.items())

    def info(self) -> DeviceInfo:
        """Return how the camera is doing now."""
        name, source = self._address.name, self._address.source
        frame = self._memory.read() if self._fresh else None
        if frame is not None:
            height, width = frame.pixels.shape[:2]
            return DeviceInfo(KIND, name, source, DeviceState.READY, f"{width}x{height}")
        cause = self._cause
        state = STATES.get(type(cause), DeviceState.RECOVERING) if cause else DeviceState.RECOVERING
        return DeviceInfo(KIND, name, source, state, str(cause) if cause else "starting")

    @property
    def worker_pid(self) -> int | None:
        """Process id of the present worker; None between two workers."""
        worker = self._worker
        return worker.pid if worker is not None else None

    @property
    def _fresh(self) -> bool:
        return time.monotonic() - self._memory.taken_s < self._frozen_s

    def _supervise(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        while not self._stopping.is_set():
            if not self._address.present:
                self._note(self._address.why_not_opened())
                self._stopping.wait(PLUGGED_S)
                continue
            before = self._memory.newest()
            self._run_worker()
            backoff_s = FIRST_BACKOFF_S if self._memory.newest() > before else min(LONGEST_BACKOFF_S, backoff_s * 2)
            self._stopping.wait(backoff_s)

    def _run_worker(self) -> None:
        try:
            self._worker = worker = self._start()
        except OSError as error:
            self._note(CameraFrozen(f"its worker cannot be started: {error.strerror}"))
            return
        try:
            self._watch(worker)
        finally:
            self._worker = None
            # Hard: a hung driver does not listen to anything softer.
            worker.kill()
            worker.wait()

    def _watch(self, worker: subprocess.Popen[bytes]) -> None:
        """Return when the worker is over or gives no new frames; note why."""
        number, seen_s, allowed_s = self._memory.newest(), time.monotonic(), FIRST_FRAME_S
        while not self._stopping.wait(WATCH_S):
            newest = self._memory.newest()
            if newest != number:
                number, seen_s, allowed_s = newest, time.monotonic(), self._frozen_s
                self._note(None)
            elif worker.poll() is not None:
                self._note(self._ended(worker.returncode))
                return
            elif time.monotonic() - seen_s > (FIRST_FRAME_S if self._memory.still_wanted else allowed_s):
                self._note(CameraFrozen(f"no new picture for {allowed_s:g} s"))
                return

    def _ended(self, status: int) -> DeviceError:
        if status == WORKER_CANNOT_OPEN:
            why = self._address.why_not_opened()
            # What hung and is still there cannot be opened again for that very reason.
            hangs_on = isinstance(self._cause, CameraFrozen) and isinstance(why, NoCamera)
            return CameraFrozen("it cannot be opened again") if hangs_on else why
        if not self._address.present:
            return NoCamera("unplugged")
        return CameraFrozen(f"its worker ended ({status})")

    def _note(self, cause: DeviceError | None) -> None:
        before, self._cause = self._cause, cause
        if cause is None:
            if before is not None:
                log.info("camera.recovered", after=before.code)
        elif before is None or before.code != cause.code:
            log.warning("camera.recovering", code=cause.code, detail=cause.detail)

    def _start(self) -> subprocess.Popen[bytes]:
        memory = (str(self._memory.handle), str(self._memory.capacity), str(self._memory.still_capacity))
        command = [sys.executable, "-m", "agent.devices._camera_worker", str(os.getpid()), *memory]
        return subprocess.Popen(
            [*command, self._address.opened_as, *self._mode],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._memory.handle,),
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            # Ctrl-C on the terminal is for the daemon, which ends us.
            start_new_session=True,
        )
