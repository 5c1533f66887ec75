"""Taking one picture in the camera's largest mode, and going back to the mode that people are shown.

A V4L2 driver that is asked for more pixels than it has gives its largest mode. The stream restarts twice for it, so
that it takes about a second; it is done once per portrait, when everything holds.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from agent.devices.seams import Pixels

# The largest picture that the vision worker takes.
LARGEST_WIDTH, LARGEST_HEIGHT = 4096, 3072
# The first pictures of a mode are exposed anew.
SETTLING = 3


class ModeCapture(Protocol):
    """What is used of cv2's capture."""

    def get(self, propId: int, /) -> float:  # noqa: N803 # cv2's name
        """Return a property's value."""
        ...

    def set(self, propId: int, value: float, /) -> bool:  # noqa: N803 # cv2's name
        """Set a property; say whether the camera took it."""
        ...

    def read(self) -> tuple[bool, object]:
        """Return whether there was a picture, and the picture."""
        ...


class LargestMode:
    """The largest mode of one open camera, beside its usual one of `width` x `height`.

    With `switches` False the camera has one mode only (a network camera), which may still be larger than what is shown.
    """

    def __init__(self, capture: ModeCapture, width: int, height: int, *, switches: bool) -> None:
        self._capture, self._usual = capture, (width, height)
        self._switches, self._larger = switches, True

    def take(self) -> Pixels | None:
        """Return one picture in the largest mode; None when there is none, or it is no larger than the usual one."""
        if not self._larger:
            return None
        picture = self._switched() if self._switches else self._read()
        if picture is None:
            return None
        pixels = np.asarray(picture, np.uint8)
        size = pixels.shape[0] * pixels.shape[1]
        self._larger = size > self._usual[0] * self._usual[1]
        fits = size <= LARGEST_WIDTH * LARGEST_HEIGHT and pixels.ndim == 3 and pixels.shape[2] == 3
        return pixels if self._larger and fits else None

    def _switched(self) -> object | None:
        self._ask_for(LARGEST_WIDTH, LARGEST_HEIGHT)
        try:
            across, down = (self._capture.get(one) for one in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            self._larger = across * down > self._usual[0] * self._usual[1]
            if not self._larger:
                return None
            for _ in range(SETTLING):
                if self._read() is None:
                    return None
            return self._read()
        finally:
            self._ask_for(*self._usual)

    def _ask_for(self, width: int, height: int) -> None:
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)

    def _read(self) -> object | None:
        ok, picture = self._capture.read()
        return picture if ok else None
