"""A print reduced to its ridges: every wave equally strong, half size, in the middle of a square."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.devices.seams import Pixels

Plane = NDArray[np.float32]
Matrix = NDArray[np.float64]

# Pixels a side at 250 ppi: 26 mm.
SIDE = 256
_SHRINK = 0.5
# Greys must deviate by this much to be print.
_DEVIATION_FROM = 10.0
_MIDDLE = (SIDE / 2 - 0.5, SIDE / 2 - 0.5)


@dataclass(frozen=True, slots=True)
class RidgeMap:
    """`ridges` is SIDE x SIDE, about -1.5 valley .. 1.5 ridge or the other way, 0 outside; `mask` is 1 on the print."""

    ridges: Plane = field(repr=False)
    mask: Plane = field(repr=False)

    @classmethod
    def of(cls, image: Pixels) -> Self:
        """Reduce a print (height x width, 8-bit grey, 500 x 500 ppi); what exceeds 26 mm is cut off."""
        grey = cv2.resize(image, None, fx=_SHRINK, fy=_SHRINK, interpolation=cv2.INTER_AREA).astype(np.float32)
        wave = grey - cv2.GaussianBlur(grey, (0, 0), 4)
        deviation = np.sqrt(cv2.GaussianBlur(wave * wave, (0, 0), 6))
        mask = (cv2.GaussianBlur(deviation, (0, 0), 4) > _DEVIATION_FROM).astype(np.float32)
        mask = np.asarray(cv2.erode(mask, np.ones((7, 7), np.uint8), borderValue=0), np.float32)
        even = np.clip(wave / (deviation + 4), -1.5, 1.5) * mask
        return cls(_framed(np.asarray(cv2.GaussianBlur(even, (0, 0), 0.7), np.float32)), _framed(mask))

    def turned(self, degrees: float) -> RidgeMap:
        """Return the map turned about its middle, counter-clockwise."""
        return self.moved(turn(degrees))

    def moved(self, matrix: Matrix) -> RidgeMap:
        """Return the map under an affine matrix (2 x 3), source to target."""
        ridges, mask = (cv2.warpAffine(plane, matrix, (SIDE, SIDE)) for plane in (self.ridges, self.mask))
        return _masked(np.asarray(ridges, np.float32), np.asarray(mask, np.float32))

    def seen_from(self, x: Plane, y: Plane) -> RidgeMap:
        """Return the map whose pixel at each place is this one's at (x, y)."""
        ridges, mask = (cv2.remap(plane, x, y, cv2.INTER_LINEAR) for plane in (self.ridges, self.mask))
        return _masked(np.asarray(ridges, np.float32), np.asarray(mask, np.float32))


def turn(degrees: float, right: float = 0.0, down: float = 0.0) -> Matrix:
    """Return the matrix of a turn about the middle, counter-clockwise, then a shift in pixels."""
    matrix = np.asarray(cv2.getRotationMatrix2D(_MIDDLE, degrees, 1), np.float64)
    matrix[:, 2] += right, down
    return matrix


def _masked(ridges: Plane, mask: Plane) -> RidgeMap:
    sharp = (mask > 0.5).astype(np.float32)
    return RidgeMap(ridges * sharp, sharp)


def _framed(plane: Plane) -> Plane:
    """Put a plane into the middle of the square."""
    square = np.zeros((SIDE, SIDE), np.float32)
    height, width = (min(SIDE, side) for side in plane.shape)
    from_y, from_x = (plane.shape[0] - height) // 2, (plane.shape[1] - width) // 2
    to_y, to_x = (SIDE - height) // 2, (SIDE - width) // 2
    square[to_y : to_y + height, to_x : to_x + width] = plane[from_y : from_y + height, from_x : from_x + width]
    return square
