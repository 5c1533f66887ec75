"""How much of the screen's light each place of a face should answer, by Lambert's law on its measured shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.capture.liveness.series import Floats

NEIGHBOURS = 14
# Towards the screen, which is beside the camera and a little above it; the axes point right, down and away from us.
SCREEN = np.array([0.0, -0.12, -0.993])
# Steeper than this nothing is seen of a place.
LEAST = 0.15


def lambert(mesh: Floats, indices: Sequence[int]) -> Floats:
    """Return the cosine between the screen's direction and the skin's normal at each landmark, at least LEAST."""
    return np.asarray(np.maximum(_normals(mesh, indices) @ SCREEN, LEAST), np.float64)


def _normals(mesh: Floats, indices: Sequence[int]) -> Floats:
    """Return unit normals towards the camera, from the plane through each landmark's nearest ones."""
    middle = mesh[list(indices)]
    away = np.linalg.norm(middle[:, None, :2] - mesh[None, :, :2], axis=2)
    near = mesh[np.argsort(away, axis=1)[:, :NEIGHBOURS]]
    offsets = near - near.mean(axis=1, keepdims=True)
    plane, depth = offsets[..., :2], offsets[..., 2]
    square = np.einsum("pni,pnj->pij", plane, plane) + np.eye(2) * 1e-6
    slopes = np.linalg.solve(square, np.einsum("pni,pn->pi", plane, depth)[..., None])[..., 0]
    normals = np.column_stack([slopes, -np.ones(len(slopes))])
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), np.float64)
