"""A reader that may be unplugged and plugged in again: opened when it is needed, dropped when it fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import TracebackType
from typing import Self

import structlog

from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout, PadLost
from agent.devices.fingerprint_pad import Random, Uru4500
from agent.devices.fingerprint_pad_calibration import Calibrations, uncalibrated
from agent.devices.fingerprint_pad_usb import UsbBackend, open_usb_pad
from agent.devices.seams import FingerImage

log = structlog.get_logger()


class HotplugPad:
    """A FingerprintPad for a whole visit; a context manager.

    The waits open the reader if it is not open. Any error but a time-out or a cancel closes it, so that the next wait
    starts from the beginning. `backend` is called each time the reader is opened, and `calibrations` with its serial;
    `x_ppi` and `y_ppi` are for a reader without a calibration. `serial` is that of the reader opened last.
    """

    def __init__(
        self,
        backend: Callable[[], UsbBackend],
        x_ppi: float,
        y_ppi: float,
        random: Random = os.urandom,
        calibrations: Calibrations = uncalibrated,
    ) -> None:
        self._backend, self._calibrations = backend, calibrations
        self.serial = ""
        self._x_ppi, self._y_ppi, self._random = x_ppi, y_ppi, random
        self._pad: Uru4500 | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Return when a finger lies on the reader.

        Raises at once NoPad, PadBusy, PadNotPermitted, NoLibusb, UsbBackendMissing, PadLost or PadFault; else
        DeviceTimeout or Cancelled. All may be tried again.
        """
        with self._dropped_on_error():
            self._opened(deadline, cancelled).wait_for_finger(deadline, cancelled)

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """Return what the reader sees now; raises DeviceError, PadLost also when it is not open."""
        with self._dropped_on_error():
            if self._pad is None:
                raise PadLost("not open")
            return self._pad.next_frame(deadline, cancelled)

    def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
        """Return when no finger lies on the reader; raises as `wait_for_finger`."""
        with self._dropped_on_error():
            self._opened(deadline, cancelled).wait_for_lift(deadline, cancelled)

    def _opened(self, deadline: float, cancelled: Event) -> Uru4500:
        if self._pad is None:
            self._pad = self._open(deadline, cancelled)
        return self._pad

    def _open(self, deadline: float, cancelled: Event) -> Uru4500:
        usb = open_usb_pad(self._backend())
        try:
            self.serial = usb.serial()
            known = self._calibrations(self.serial)
        except BaseException:
            usb.close()
            raise
        pad = Uru4500(usb, self._x_ppi, self._y_ppi, self._random, calibration=known)
        try:
            pad.wake(deadline, cancelled)
        except BaseException:
            pad.close()
            raise
        log.info("pad.opened", versions=pad.versions, calibrated=known is not None)
        return pad

    @contextmanager
    def _dropped_on_error(self) -> Iterator[None]:
        try:
            yield
        except (DeviceTimeout, Cancelled):
            raise
        except DeviceError as error:
            log.warning("pad.dropped", code=error.code)
            self._drop()
            raise

    def _drop(self) -> None:
        pad, self._pad = self._pad, None
        if pad is not None:
            pad.close()
