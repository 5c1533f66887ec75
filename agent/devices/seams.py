"""The seams between hardware and judgement: everything above them runs on bytes and frames.

One Protocol per device. `agent.capture` knows the devices only by these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class CardLink(Protocol):
    """A powered chip: one command APDU in, the response data and the status word out (ISO 7816-4)."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU; raise DeviceError when the card or the reader is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera picture: `pixels` is height x width x 3, BGR, 8 bit; `taken_s` is time.monotonic()."""

    pixels: Pixels = field(repr=False)
    number: int
    taken_s: float


@dataclass(frozen=True, slots=True)
class FingerImage:
    """One finger: `pixels` is height x width, 8 bit grey, dark ridges on light, as the person sees the finger."""

    pixels: Pixels = field(repr=False)
    x_ppi: float
    y_ppi: float
    taken_s: float


class FrameSource(Protocol):
    """A camera that always shows its newest picture."""

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Return the newest frame numbered above `after`.

        `deadline` is on time.monotonic(). Raises DeviceTimeout (frozen camera), Cancelled or DeviceError.
        """
        ...


class FingerprintPad(Protocol):
    """A single-finger reader. Each step is a call of its own, so that people can be guided between them.

    `deadline` is on time.monotonic(). All steps raise DeviceTimeout, Cancelled, or another DeviceError; after an error
    that is neither of the first two, begin again with `wait_for_finger`.
    """

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Return when a finger lies on the reader, at once if one does."""
        ...

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """Return what the reader sees now; call it again for the next picture at the reader's own rate."""
        ...

    def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
        """Return when no finger lies on the reader, at once if none does."""
        ...


class DeviceState(StrEnum):
    """How a device is doing, as shown by `kiosk devices`."""

    READY = "ready"
    ABSENT = "absent"
    BUSY = "busy"
    RECOVERING = "recovering"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device as found now. `kind` is card_reader, camera or fingerprint_pad; `detail` says why it is not ready.

    `driver` says who drives it, where there is a choice.
    """

    kind: str
    name: str
    address: str
    state: DeviceState
    detail: str = ""
    driver: str = ""
