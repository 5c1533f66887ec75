"""The reader's resolution from a target with ridges of a known pitch, both ways, laid on the glass.

The target must touch the glass as skin does (embossed, rubber, a film of lines): printed paper often shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.errors import TargetNotSeen
from agent.capture.fingerprint.quality.resolution import MAX_PPI, MIN_PPI
from agent.devices.seams import Pixels

INCH_MM = 25.4
# Finer than this no reader resolves, coarser there are too few lines on the glass.
MIN_PITCH_MM, MAX_PITCH_MM = 0.3, 3.0
_SIDE = 2048
# A line of the target stands out of its surroundings in the spectrum by at least this factor.
_STANDS_OUT = 30.0
# The two directions of lines must be this far apart, as a sine.
_CROSSED = 0.5

Waves = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Pixels per inch, across and down."""

    x_ppi: float
    y_ppi: float


def resolution_of_target(image: Pixels, pitch_mm: float) -> Resolution:
    """Return the reader's resolution from a picture of crossed lines, `pitch_mm` apart both ways, however turned.

    The waves of both directions have the same length in millimetres and stand upright on each other, so the sums of
    squares of their x and y frequencies give the two pixel pitches. Raises TargetNotSeen.
    """
    if not MIN_PITCH_MM <= pitch_mm <= MAX_PITCH_MM:
        raise TargetNotSeen(f"a pitch of {pitch_mm:g} mm; {MIN_PITCH_MM:g} to {MAX_PITCH_MM:g} mm can be measured")
    spectrum = _spectrum(image)
    low, high = INCH_MM / pitch_mm / MAX_PPI, INCH_MM / pitch_mm / MIN_PPI
    first = _strongest(spectrum, low, high)
    second = _strongest(_without(spectrum, first), low, high)
    x, y = (float(np.hypot(first[axis], second[axis])) for axis in (0, 1))
    if abs(first[0] * second[1] - first[1] * second[0]) < _CROSSED * np.hypot(*first) * np.hypot(*second):
        raise TargetNotSeen("lines in one direction only; crossed lines are needed")
    found = Resolution(INCH_MM / (pitch_mm * x), INCH_MM / (pitch_mm * y))
    if not all(MIN_PPI <= ppi <= MAX_PPI for ppi in (found.x_ppi, found.y_ppi)):
        raise TargetNotSeen(f"{found.x_ppi:.0f} x {found.y_ppi:.0f} ppi cannot be true")
    return found


def _spectrum(image: Pixels) -> Waves:
    """Return the strength of all waves, x and y from -1/2 to 1/2 per pixel, finely sampled."""
    height, width = image.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    even = (image - cv2.GaussianBlur(image, (0, 0), 40).astype(np.float64)) * window
    return np.asarray(np.abs(np.fft.fftshift(np.fft.fft2(even, (_SIDE, _SIDE)))), np.float64)


def _strongest(spectrum: Waves, low: float, high: float) -> tuple[float, float]:
    """Return x and y frequency (per pixel, x >= 0) of the strongest wave between the two lengths."""
    at = (np.arange(_SIDE) - _SIDE // 2) / _SIDE
    length = np.hypot(at[:, None], at[None, :])
    ring = np.where((length >= low) & (length <= high) & (at[None, :] >= -1 / _SIDE), spectrum, 0.0)
    row, column = (int(place) for place in np.unravel_index(int(np.argmax(ring)), ring.shape))
    usual = float(np.median(spectrum[(length >= low) & (length <= high)]))
    if ring[row, column] <= _STANDS_OUT * usual:
        raise TargetNotSeen("no regular lines")
    y = _peak(spectrum[row - 1 : row + 2, column])
    x = _peak(spectrum[row, column - 1 : column + 2])
    return float(at[column] + x / _SIDE), float(at[row] + y / _SIDE)


def _peak(three: Waves) -> float:
    """Return where the parabola through three values has its top, from the middle one, -1/2..1/2."""
    before, middle, after = (float(value) for value in three)
    bend = before - 2 * middle + after
    return (before - after) / (2 * bend) if bend < 0 else 0.0


def _without(spectrum: Waves, wave: tuple[float, float]) -> Waves:
    """Blot out a wave and what lies near the line through it, its overtones among them."""
    at = (np.arange(_SIDE) - _SIDE // 2) / _SIDE
    x, y = np.asarray(wave) / np.hypot(*wave)
    length = np.hypot(at[:, None], at[None, :])
    across = np.abs(at[None, :] * y - at[:, None] * x)
    return np.where(across < _CROSSED * length, 0.0, spectrum)
