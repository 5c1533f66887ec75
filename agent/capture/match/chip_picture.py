"""The 150 x 150 picture of a face that the model wants, cut by our own landmarks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait.face import Mesh
from agent.devices.seams import Pixels

SIDE, PADDING = 150, 0.25
# The corners of both eyes and the base of the nose: our landmarks, and their places in a mean face 0..1.
LANDMARKS = (263, 362, 33, 133, 2)
PLACES = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)


def face_picture(pixels: Pixels, mesh: Mesh) -> Pixels:
    """Return the face of a BGR picture upright, 150 x 150 x 3."""
    target = (PLACES + PADDING) / (1 + 2 * PADDING) * SIDE
    matrix = similarity(mesh.points[list(LANDMARKS), :2].astype(np.float64), target)
    # From a large picture each pixel must be a mean: one in four would be noise.
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale), np.uint8)
    return np.asarray(cv2.warpAffine(pixels, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2 x 3 turn, scale and shift that brings points nearest to others (least squares)."""
    start, end = source - source.mean(axis=0), target - target.mean(axis=0)
    square = max(float((start**2).sum()), 1e-9)
    along = float((start * end).sum()) / square
    across = float((start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum()) / square
    turn = np.array([[along, -across], [across, along]])
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])
