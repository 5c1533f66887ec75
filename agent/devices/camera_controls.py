"""Locking what a camera regulates by itself: exposure, white balance, focus (V4L2 controls)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

import cv2


class Capture(Protocol):
    """What is used of cv2's capture: a control that it does not have is refused with False."""

    def get(self, propId: int, /) -> float:  # noqa: N803 # cv2's name
        """Return a control's value."""
        ...

    def set(self, propId: int, value: float, /) -> bool:  # noqa: N803 # cv2's name
        """Set a control; say whether the camera took it."""
        ...


class Control(IntFlag):
    """The controls, as bits."""

    EXPOSURE = 1
    WHITE_BALANCE = 2
    FOCUS = 4


@dataclass(frozen=True, slots=True)
class _Regulation:
    """A switch that turns the regulation off with `manual`, and the value that it regulated."""

    control: Control
    switch: int
    manual: float
    value: int


_ALL = (
    # V4L2_EXPOSURE_MANUAL is 1; 3 is the usual automatic.
    _Regulation(Control.EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE, 1, cv2.CAP_PROP_EXPOSURE),
    _Regulation(Control.WHITE_BALANCE, cv2.CAP_PROP_AUTO_WB, 0, cv2.CAP_PROP_WB_TEMPERATURE),
    _Regulation(Control.FOCUS, cv2.CAP_PROP_AUTOFOCUS, 0, cv2.CAP_PROP_FOCUS),
)


class ControlLock:
    """The regulation of one open camera: off while locked, then as it was before."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._before: dict[_Regulation, float] = {}

    def lock(self) -> Control:
        """Keep the present values; return the controls that the camera really holds now."""
        held = Control(0)
        for one in _ALL:
            switched, value = self._capture.get(one.switch), self._capture.get(one.value)
            if not self._capture.set(one.switch, one.manual):
                continue
            self._before.setdefault(one, switched)
            # Some drivers say yes and go on regulating, or jump to another value with the switch.
            if self._capture.get(one.switch) == one.manual and self._capture.set(one.value, value):
                held |= one.control
        return held

    def release(self) -> None:
        """Let the camera regulate again what was switched off."""
        for one, switched in self._before.items():
            self._capture.set(one.switch, switched)
        self._before.clear()
