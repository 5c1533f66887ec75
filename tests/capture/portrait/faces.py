"""Faces made of numbers: meshes whose points are set by hand."""

from __future__ import annotations

import numpy as np

from agent.capture.portrait.face import (
    CHIN,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    Mesh,
)

XY = tuple[float, float]


def mesh(
    right_eye: XY = (600, 300), left_eye: XY = (700, 300), chin: XY = (650, 480), more: dict[int, XY] | None = None
) -> Mesh:
    """Return a mesh with the eyes' centres and the chin given (pixels); all other points lie between the eyes."""
    points = np.zeros((468, 3), np.float32)
    middle = np.add(right_eye, left_eye) / 2
    points[:, :2] = middle
    half = np.subtract(left_eye, right_eye) * 0.15
    for outer, inner, eye, sign in (
        (RIGHT_EYE_OUTER, RIGHT_EYE_INNER, right_eye, -1),
        (LEFT_EYE_OUTER, LEFT_EYE_INNER, left_eye, 1),
    ):
        points[outer, :2] = np.add(eye, sign * half)
        points[inner, :2] = np.subtract(eye, sign * half)
    points[CHIN, :2] = chin
    down = np.subtract(chin, middle)
    points[NOSE_TIP, :2] = middle + 0.35 * down
    points[MOUTH_RIGHT, :2] = middle + 0.7 * down - 1.4 * half
    points[MOUTH_LEFT, :2] = middle + 0.7 * down + 1.4 * half
    for index, place in (more or {}).items():
        points[index, :2] = place
    return Mesh(points)
