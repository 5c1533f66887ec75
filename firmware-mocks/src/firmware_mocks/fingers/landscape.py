"""Smooth chance: the hills that bend ridges, vary pressure and roughen edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
# The cubic between the few random points needs this many of them on each side.
_LEAST_POINTS = 4


def landscape(random: np.random.Generator, height: int, width: int, scale_px: float) -> Plane:
    """Return height x width random hills about `scale_px` apart, with mean 0 and deviation 1."""
    points = (_points(height, scale_px), _points(width, scale_px))
    coarse = random.standard_normal(points, dtype=np.float32)
    hills = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    hills -= hills.mean()
    return np.asarray(hills / hills.std(), np.float32)


def grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Return the x and the y of every pixel."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def _points(side: int, scale_px: float) -> int:
    return max(_LEAST_POINTS, round(side / scale_px) + 2)
