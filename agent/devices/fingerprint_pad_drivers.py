"""Which driver serves the reader: our own (preview, calibration), or libfprint, as the configuration says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from agent.devices.errors import DeviceError
from agent.devices.fingerprint_pad_calibration import PadCalibration, uncalibrated
from agent.devices.fingerprint_pad_errors import DrivenByLibfprint
from agent.devices.fingerprint_pad_hotplug import HotplugPad
from agent.devices.fingerprint_pad_libfprint import LibfprintPad, list_libfprint_pads
from agent.devices.fingerprint_pad_usb import LIBUSB, UsbBackend, list_pads, usb_backend
from agent.devices.seams import DeviceInfo, DeviceState

LIBFPRINT: Final = "libfprint"
# Where libfprint's virtual device listens; handed on in development only.
VIRTUAL_SOCKET: Final = "FP_VIRTUAL_IMAGE"


@dataclass(frozen=True, slots=True)
class PadChoice:
    """The reader as configured. `driver` is libfprint's name of one, empty for the first that gives pictures.

    `x_ppi` and `y_ppi` count without a calibration in the folder `calibrations`.
    """

    backend: str
    address: str
    driver: str
    x_ppi: float
    y_ppi: float
    calibrations: Path
    development: bool

    @property
    def by_libfprint(self) -> bool:
        """Whether libfprint drives it."""
        return self.backend == LIBFPRINT

    def usb(self) -> UsbBackend:
        """Return our own driver's way to the bus; raises NoLibusb or UsbBackendMissing."""
        return usb_backend(self.backend, self.address, development=self.development)


def open_pad(choice: PadChoice) -> HotplugPad | LibfprintPad:
    """Return the reader; it is opened when it is first waited for."""
    if choice.by_libfprint:
        return LibfprintPad(choice.x_ppi, choice.y_ppi, choice.driver, _environment(choice))
    return open_own_pad(choice)


def open_own_pad(choice: PadChoice, *, calibrated: bool = True) -> HotplugPad:
    """Return the reader by our own driver; `calibrated` corrects its pictures. Raises DrivenByLibfprint."""
    if choice.by_libfprint:
        raise DrivenByLibfprint
    known = partial(PadCalibration.load, choice.calibrations) if calibrated else uncalibrated
    return HotplugPad(choice.usb, choice.x_ppi, choice.y_ppi, calibrations=known)


def list_readers_of(choice: PadChoice) -> list[DeviceInfo]:
    """Return the readers, each with its driver. Raises DeviceError.

    Where our own driver finds none, those that only libfprint knows are listed as not used: asking it takes a process.
    """
    if choice.by_libfprint:
        return list_libfprint_pads(_environment(choice), driver=choice.driver)
    found = list_pads(choice.usb())
    return found if found or choice.backend != LIBUSB else _only_by_libfprint()


def _only_by_libfprint() -> list[DeviceInfo]:
    try:
        others = list_libfprint_pads()
    except DeviceError:
        return []  # there is none, or none that anybody could use
    why = 'not used: needs pad.backend = "libfprint"'
    return [replace(one, state=DeviceState.FAILED, detail=why) for one in others]


def _environment(choice: PadChoice) -> Mapping[str, str]:
    virtual = os.environ.get(VIRTUAL_SOCKET, "")
    return {VIRTUAL_SOCKET: virtual} if choice.development and virtual else {}
