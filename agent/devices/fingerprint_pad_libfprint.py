"""Fingerprint readers that libfprint drives, as a second driver: one picture a touch, no preview. And its minutiae.

libfprint ends a capture when it has the picture and the finger is gone, so a touch has one frame, and a lift need not
be waited for. libfprint itself, which lives in the system's Python, runs in a process of its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Final, Self

import numpy as np
import structlog

from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout, PadFault, PadLost
from agent.devices.fingerprint_pad_endpoints import Patience
from agent.devices.fingerprint_pad_errors import PictureRefused
from agent.devices.fingerprint_pad_libfprint_process import SYSTEM_PYTHON, Answer, LibfprintProcess
from agent.devices.seams import DeviceInfo, DeviceState, FingerImage, Pixels

log = structlog.get_logger()

KIND: Final = "fingerprint_pad"
INCH_MM: Final = 25.4
START_S: Final = 20.0
MAX_SIDE: Final = 4096
# That it is ready, and that the device is open.
OPENING_ANSWERS: Final = 2
# Drivers of libfprint that are no devices.
VIRTUAL: Final = "virtual_"
# Its readers are served by our own driver, which has a preview.
OURS: Final = "uru4000"
_VIRTUAL_IMAGE: Final = "virtual_image"


class LibfprintPad:
    """A FingerprintPad; a context manager. The waits open the reader; an error but a time-out or a cancel closes it.

    `x_ppi` and `y_ppi` count where libfprint does not know a resolution. `driver` is libfprint's name of one, empty for
    the first device that gives pictures. `environment` is all that libfprint sees of ours.
    """

    def __init__(
        self,
        x_ppi: float,
        y_ppi: float,
        driver: str = "",
        environment: Mapping[str, str] | None = None,
        python: Path = SYSTEM_PYTHON,
    ) -> None:
        self._x_ppi, self._y_ppi, self._driver = x_ppi, y_ppi, driver
        self._environment, self._python = environment, python
        self._process: LibfprintProcess | None = None
        self._opening, self._capturing = 0, False
        self._opened_driver = ""
        self._image: FingerImage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Return when a finger was there and its picture is taken.

        Raises NoLibfprint, NoPad, PadBusy, PadNotPermitted, PadLost, PadFault, DeviceTimeout or Cancelled.
        """
        self._image = None
        patience = Patience(deadline, cancelled)
        with self._dropped_on_error():
            process = self._opened(patience)
            while self._image is None:
                self._image = self._captured(process, patience)

    def open(self, deadline: float, cancelled: Event) -> str:
        """Open the reader, if it is not open, and return libfprint's driver; raises as `wait_for_finger`."""
        with self._dropped_on_error():
            self._opened(Patience(deadline, cancelled))
        return self._opened_driver

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """Return the touch's picture; each further call raises DeviceTimeout, since there is but one."""
        if self._process is None:
            raise PadLost("not open")
        image, self._image = self._image, None
        if image is None:
            raise DeviceTimeout("libfprint gives one picture a touch")
        return image

    def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
        """Return at once: the picture came only after the finger was gone. Raises Cancelled."""
        if cancelled.is_set():
            raise Cancelled

    def _opened(self, patience: Patience) -> LibfprintProcess:
        """Return the process with its device open; what a wait leaves unfinished the next one goes on with."""
        if self._process is None:
            self._process = LibfprintProcess(self._environment, self._python)
            self._process.send({"do": "open", "driver": self._driver})
            self._opening = OPENING_ANSWERS
        while self._opening:
            found = self._process.answer(patience)
            self._opening -= 1
            if not self._opening:
                self._opened_driver = str(found.told.get("driver"))
                log.info("pad.opened", driver=f"libfprint {self._opened_driver}")
        return self._process

    def _captured(self, process: LibfprintProcess, patience: Patience) -> FingerImage | None:
        """Return a picture, None when libfprint wants another; a capture goes on over a wait that ends."""
        if not self._capturing:
            process.send({"do": "capture"})
            self._capturing = True
        try:
            answer = process.answer(patience)
        except PictureRefused as error:
            self._capturing = False
            log.warning("pad.picture_refused", detail=error.detail)
            return None
        self._capturing = False
        return self._picture(answer)

    def _picture(self, answer: Answer) -> FingerImage:
        width, height, ppmm = (answer.told.get(name) for name in ("width", "height", "ppmm"))
        if not isinstance(width, int) or not isinstance(height, int) or not isinstance(ppmm, int | float):
            raise PadFault("a picture without its size")
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and len(answer.data) == width * height):
            raise PadFault(f"{len(answer.data)} bytes for {width}x{height} pixels")
        pixels = np.frombuffer(answer.data, np.uint8).reshape(height, width)
        x_ppi, y_ppi = (ppmm * INCH_MM, ppmm * INCH_MM) if ppmm > 0 else (self._x_ppi, self._y_ppi)
        return FingerImage(pixels, x_ppi, y_ppi, time.monotonic())

    @contextmanager
    def _dropped_on_error(self) -> Iterator[None]:
        try:
            yield
        except (DeviceTimeout, Cancelled):
            raise
        except DeviceError:
            self._drop()
            raise

    def _drop(self) -> None:
        process, self._process = self._process, None
        self._capturing, self._image = False, None
        if process is not None:
            process.close()


class Mindtct:
    """libfprint's minutiae detector (NBIS mindtct) for pictures of any origin; a context manager."""

    def __init__(self, python: Path = SYSTEM_PYTHON) -> None:
        self._python = python
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: LibfprintProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    def count(self, pixels: Pixels, deadline: float, cancelled: Event) -> int:
        """Return how many minutiae a print has (height x width, 8-bit grey, dark ridges on light).

        Raises PictureRefused where there is no print, NoLibfprint, PadFault, DeviceTimeout or Cancelled; after any but
        the first the next call starts anew.
        """
        height, width = pixels.shape
        try:
            process = self._opened(Patience(deadline, cancelled))
            request = {"do": "minutiae", "width": width, "height": height}
            found = process.ask(request, Patience(deadline, cancelled), np.ascontiguousarray(pixels).tobytes())
        except PictureRefused:
            raise
        except DeviceError:
            self._drop()
            raise
        return int(found.told["minutiae"])

    def _opened(self, patience: Patience) -> LibfprintProcess:
        if self._process is None:
            self._folder = tempfile.TemporaryDirectory()
            environment = {"FP_VIRTUAL_IMAGE": f"{self._folder.name}/image"}
            self._process = LibfprintProcess(environment, self._python)
            self._process.answer(patience)
            self._process.ask({"do": "open", "driver": _VIRTUAL_IMAGE}, patience)
        return self._process

    def _drop(self) -> None:
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        if process is not None:
            process.close()
        if folder is not None:
            folder.cleanup()


def list_libfprint_pads(environment: Mapping[str, str] | None = None, *, driver: str | None = None) -> list[DeviceInfo]:
    """Return the readers that only libfprint can take pictures with; raises NoLibfprint or PadFault.

    With `driver` those that `LibfprintPad` would take one of: of that driver, or of all for an empty name.
    """
    patience = Patience(time.monotonic() + START_S, Event())
    with LibfprintProcess(environment) as process:
        process.answer(patience)
        found = process.ask({"do": "list"}, patience).told["devices"]
    return [
        DeviceInfo(KIND, str(one["name"]), str(one["id"]), DeviceState.READY, "", f"libfprint {one['driver']}")
        for one in found
        if _listed(str(one["driver"]), driver)
    ]


def _listed(name: str, wanted: str | None) -> bool:
    if wanted:
        return name == wanted
    return not name.startswith(VIRTUAL) and (wanted is not None or name != OURS)
