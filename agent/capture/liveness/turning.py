"""The parallax of a head turn: a flat picture moves by a homography, a head does not."""

from __future__ import annotations

import numpy as np

from agent.capture.liveness.challenge import Turn
from agent.capture.liveness.series import Floats

RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)
NOSE_TIP = 1


def nose_place(points: Floats) -> tuple[float, float, float]:
    """Return where the nose is from the eyes' midpoint, along and across the eyes' line, and the eyes' distance (px).

    The first two are in inter-eye distances. The landmarks are 468 x 2 or x 3; their depth is not looked at, since the
    network sees depth in a flat picture, too.
    """
    right = points[list(RIGHT_EYE), :2].mean(axis=0)
    left = points[list(LEFT_EYE), :2].mean(axis=0)
    line = left - right
    distance = max(float(np.hypot(line[0], line[1])), 1e-6)
    along = line / distance
    nose = points[NOSE_TIP, :2] - (left + right) / 2
    return float(nose @ along) / distance, float(nose @ np.array([-along[1], along[0]])) / distance, distance


def progress(turn: Turn, across: float, below: float) -> float:
    """Return how far the nose went towards a turn, from its changes since the frontal frame."""
    match turn:
        case Turn.LEFT:
            return across
        case Turn.RIGHT:
            return -across
    return -below


def residual_percent(frontal: Floats, turned: Floats) -> float:
    """Return what the best homography leaves over: root mean square over all landmarks, % of the eyes' distance."""
    start, end = frontal[:, :2], turned[:, :2]
    distance = nose_place(frontal)[2]
    moved = _apply(_homography(start, end), start)
    return float(np.sqrt(np.mean(np.sum((moved - end) ** 2, axis=1)))) / distance * 100


def _homography(start: Floats, end: Floats) -> Floats:
    """Return the homography by the normalised direct linear transform, least squares."""
    (a, first), (b, second) = _normalised(start), _normalised(end)
    (x, y), (u, v) = a.T, b.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    upper = np.stack([-x, -y, -one, zero, zero, zero, u * x, u * y, u], axis=1)
    lower = np.stack([zero, zero, zero, -x, -y, -one, v * x, v * y, v], axis=1)
    rows = np.concatenate([upper, lower])
    smallest = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 3)
    return np.asarray(np.linalg.inv(second) @ smallest @ first, np.float64)


def _normalised(points: Floats) -> tuple[Floats, Floats]:
    centre = points.mean(axis=0)
    scale = np.sqrt(2) / max(float(np.linalg.norm(points - centre, axis=1).mean()), 1e-9)
    matrix = np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
    return (points - centre) * scale, matrix


def _apply(matrix: Floats, points: Floats) -> Floats:
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    depth = np.where(np.abs(moved[:, 2:]) < 1e-9, 1e-9, moved[:, 2:])
    return np.asarray(moved[:, :2] / depth, np.float64)
