"""What a camera gives, measured over a moment: rate, gaps, light, sharpness. Figures only, no picture.

The daemon measures the camera that it holds and sends this as JSON; without a daemon the doctor measures itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from agent.devices.seams import Frame, FrameSource, Pixels

FIRST_S, SECONDS = 12.0, 1.5
MAX_FRAMES = 120
BLACK, WHITE = 16, 245
# Every so many pixels are enough for a mean.
COARSE = 8


@dataclass(frozen=True, slots=True)
class CameraSample:
    """Times in seconds. `brightness` (0..255), shares and `sides` (left over right) are of the place of the face.

    `missed` are frames that the camera gave and nobody read; `sharpness` is the share of gradient energy that a small
    blur takes away; `flicker` is how much the mean brightness changes from frame to frame, as a share of it.
    """

    width: int
    height: int
    first_s: float
    intervals_s: list[float]
    handed_s: list[float]
    missed: int
    brightness: float
    black: float
    white: float
    contrast: float
    sides: float
    sharpness: float
    flicker: float = 0.0

    @property
    def rate(self) -> float:
        """Frames a second, those that were missed included."""
        spent_s = sum(self.intervals_s)
        return (len(self.intervals_s) + self.missed) / spent_s if spent_s else 0.0


def take_sample(
    source: FrameSource, cancelled: Event, *, first_s: float = FIRST_S, seconds: float = SECONDS
) -> tuple[CameraSample, Frame]:
    """Follow the camera; return the figures and the last frame. Raises DeviceError.

    After the first frame it takes `seconds`, or as long as three frames need.
    """
    begun_s = time.monotonic()
    # The very first one may be old: it waited for us.
    first = source.newest(0, begun_s + first_s, cancelled)
    arrived_s = time.monotonic() - begun_s
    last = source.newest(first.number, time.monotonic() + first_s, cancelled)
    begin, intervals, handed, lights = last.number, list[float](), list[float](), list[float]()
    until_s = time.monotonic() + seconds
    while len(intervals) < MAX_FRAMES and (time.monotonic() < until_s or len(intervals) < 3):
        frame = source.newest(last.number, time.monotonic() + first_s, cancelled)
        handed.append(time.monotonic() - frame.taken_s)
        intervals.append(frame.taken_s - last.taken_s)
        lights.append(float(frame.pixels[::COARSE, ::COARSE].mean()))
        last = frame
    height, width = last.pixels.shape[:2]
    missed = last.number - begin - len(intervals)
    return CameraSample(
        width, height, arrived_s, intervals, handed, missed, *_look(last.pixels), flicker_of(lights)
    ), last


def flicker_of(lights: Sequence[float]) -> float:
    """Return the deviation of means that follow each other, as a share of their level; slow changes do not count."""
    if len(lights) < 4:
        return 0.0
    # Over two steps a light that becomes brighter cancels out; a lamp that beats with the shutter does not.
    second = np.diff(np.asarray(lights), n=2)
    return float(second.std() / (np.mean(lights) + 1) / np.sqrt(6))


def _look(pixels: Pixels) -> tuple[float, float, float, float, float, float]:
    """Return brightness, black, white, contrast, sides and sharpness of the place of the face."""
    height, width = pixels.shape[:2]
    face = pixels[height // 8 : height * 7 // 8, width // 3 : width * 2 // 3].astype(np.float32)
    grey = face @ np.array([0.114, 0.587, 0.299], np.float32) if face.ndim == 3 else face
    middle = grey.shape[1] // 2
    sides = float((grey[:, :middle].mean() + 1) / (grey[:, middle:].mean() + 1))
    black, white = float((grey < BLACK).mean()), float((grey > WHITE).mean())
    return float(grey.mean()), black, white, float(grey.std()), sides, _sharpness(grey)


def _sharpness(grey: NDArray[np.float32]) -> float:
    """Compare gradient energies before and after a blur; two blurs before that take the sensor's noise away."""
    before = _blurred(_blurred(grey))
    after = _blurred(_blurred(_blurred(_blurred(before))))
    energy = _energy(before)
    return 1 - _energy(after) / energy if energy > 0 else 0.0


def _blurred(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply 1-2-1 along both axes."""
    rows = (grey[:-2] + 2 * grey[1:-1] + grey[2:]) / 4
    return np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4, np.float32)


def _energy(grey: NDArray[np.float32]) -> float:
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())
