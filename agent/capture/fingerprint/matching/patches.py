"""Small pieces of two prints that lie on each other: how far each is off, and how alike it is at its best place."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.matching.ridges import SIDE, Plane, RidgeMap

Column = NDArray[np.float64]
# A piece must lie on both prints with this share of its pixels.
_ON_BOTH = 0.8


@dataclass(frozen=True, slots=True)
class Patches:
    """n pieces: middle (`x`, `y`), way to the best place (`right`, `down`, pixels at 250 ppi), likeness -1..1."""

    x: Column = field(repr=False)
    y: Column = field(repr=False)
    right: Column = field(repr=False)
    down: Column = field(repr=False)
    alike: Column = field(repr=False)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.x.size)

    @property
    def mean(self) -> float:
        """The mean likeness; 0 without pieces."""
        return float(self.alike.mean()) if self.count else 0.0


def patches(first: RidgeMap, second: RidgeMap, size: int, reach: int, step: int) -> Patches:
    """Take a piece of `size` pixels every `step` of the first print; look for it in the second within `reach`."""
    covered = np.asarray(cv2.integral(first.mask * second.mask), np.float64)
    found = [
        (x + size / 2, y + size / 2, *_best_place(first.ridges, second.ridges, x, y, size, reach))
        for y in range(reach, SIDE - size - reach, step)
        for x in range(reach, SIDE - size - reach, step)
        if _inside(covered, x, y, size) >= _ON_BOTH * size * size
    ]
    columns = np.array(found, np.float64).reshape(-1, 5).T
    return Patches(*columns)


def _inside(covered: NDArray[np.float64], x: int, y: int, size: int) -> float:
    return float(covered[y + size, x + size] - covered[y, x + size] - covered[y + size, x] + covered[y, x])


def _best_place(first: Plane, second: Plane, x: int, y: int, size: int, reach: int) -> tuple[float, float, float]:
    piece = first[y : y + size, x : x + size]
    around = second[y - reach : y + size + reach, x - reach : x + size + reach]
    alike = cv2.matchTemplate(around, piece, cv2.TM_CCOEFF_NORMED)
    _, most, _, (right, down) = cv2.minMaxLoc(alike)
    return float(right - reach), float(down - reach), float(most)
