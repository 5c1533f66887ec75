"""How the soft skin gave way between two prints: a smooth field of displacements from what the pieces say."""

from __future__ import annotations

import cv2
import numpy as np

from agent.capture.fingerprint.matching.patches import Column, Patches
from agent.capture.fingerprint.matching.ridges import SIDE, Plane

Field = tuple[Plane, Plane]
_ROUNDS = 3
# Pieces further off the field than this (pixels at 250 ppi) count less and less.
_OUTLIER = 1.5
_Y, _X = np.mgrid[:SIDE, :SIDE].astype(np.float64)


def bent(found: Patches) -> Field:
    """Return the field of second degree that fits the pieces best; those that disagree lose their weight."""
    terms, wanted = _terms(found.x, found.y), np.stack([found.right, found.down], axis=-1)
    alike = np.clip(found.alike, 0, 1) ** 2
    weights, damping = alike, np.diag([0.01] * 3 + [0.5] * 3)
    for _ in range(_ROUNDS):
        heavy = terms * weights[:, None]
        factors = np.linalg.solve(terms.T @ heavy + damping, heavy.T @ wanted)
        off = np.linalg.norm(wanted - terms @ factors, axis=1)
        weights = alike / (1 + (off / _OUTLIER) ** 2)
    right, down = np.moveaxis(_terms(_X, _Y) @ factors, -1, 0)
    return right.astype(np.float32), down.astype(np.float32)


def smoothed(found: Patches, width: float) -> Field:
    """Return the field that is everywhere the mean of the pieces around, as far as `width` pixels."""
    planes = np.zeros((3, SIDE, SIDE), np.float32)
    weights = np.clip(found.alike, 0, 1) ** 2
    at = (found.y.astype(int), found.x.astype(int))
    for plane, values in zip(planes, (found.right, found.down, np.ones(found.count)), strict=True):
        np.add.at(plane, at, (weights * values).astype(np.float32))
    right, down, total = (np.asarray(cv2.GaussianBlur(plane, (0, 0), width), np.float32) for plane in planes)
    total += np.float32(1e-4 * float(total.max()) + 1e-9)
    return right / total, down / total


def _terms(x: Column, y: Column) -> Column:
    """Return 1, u, v, u^2, uv, v^2 of each place."""
    u, v = (x - SIDE / 2) / (SIDE / 4), (y - SIDE / 2) / (SIDE / 4)
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1)
