"""From a head in space to a picture: projection, a map of triangle numbers, one affine texture map per triangle."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Sub-pixel bits of OpenCV's polygons.
_SHIFT = 4
# Normals vary slowly: they are drawn at a quarter of the resolution.
NORMAL_STEP = 4
# Triangles grow by this much about their middle, so that neighbours overlap and no pixel falls between them.
_GROW_PX = 0.35
_RIM_PX = 4


@dataclass(frozen=True, slots=True)
class Raster:
    """The window of the picture that a mesh covers.

    `left`, `top` place it; `inside` H x W says where a triangle is; `u`, `v` are the texture's coordinates, which go
    on a little beyond; `normals` (H/4) x (W/4) x 3 the unit normals in camera coordinates.
    """

    left: int
    top: int
    inside: NDArray[np.bool_] = field(repr=False)
    u: Floats = field(repr=False)
    v: Floats = field(repr=False)
    normals: Floats = field(repr=False)


def project(solid: NDArray[np.floating], focal: float, centre: tuple[float, float]) -> Floats:
    """Project camera coordinates (N x 3, mm) to pixels."""
    return np.asarray(solid[:, :2] / solid[:, 2:] * focal + np.array(centre), np.float32)


def vertex_normals(solid: Floats, triangles: NDArray[np.int32]) -> Floats:
    """Return unit normals per vertex, towards the outside (for the front: towards the camera, z negative)."""
    a, b, c = (solid[triangles[:, corner]] for corner in range(3))
    faces = np.cross(c - a, b - a)
    summed = np.zeros_like(solid)
    for axis in range(3):
        for corner in range(3):
            summed[:, axis] += np.bincount(triangles[:, corner], faces[:, axis], len(solid)).astype(np.float32)
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9), np.float32)


def rasterise(
    plane: Floats, depth: Floats, triangles: NDArray[np.int32], texture: Floats, normals: Floats, size: tuple[int, int]
) -> Raster | None:
    """Draw triangles that face the camera, the farthest first; None when nothing is inside a picture of this size."""
    width, height = size
    low = np.floor(plane.min(axis=0)).astype(int) - 2
    high = np.ceil(plane.max(axis=0)).astype(int) + 3
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width, int(high[0])), min(height, int(high[1]))
    if right - left < 2 or bottom - top < 2:
        return None
    local = (plane - np.array([left, top])).astype(np.float32)
    corners = local[triangles]
    area = _area(corners)
    seen = np.flatnonzero(area > 1e-3)
    order = seen[np.argsort(-depth[triangles[seen]].mean(axis=1))]
    numbers = _number(corners[order], (right - left, bottom - top))
    values = np.concatenate([texture, normals], axis=1)[triangles[order]]
    planes = _planes(corners[order], area[order], values)
    inside = numbers >= 0
    numbers = _outward(numbers)
    x, y = np.meshgrid(np.arange(right - left, dtype=np.float32), np.arange(bottom - top, dtype=np.float32))
    safe = np.maximum(numbers, 0)
    u, v = _evaluate(planes[:, :2], safe, x, y)
    few = (slice(None, None, NORMAL_STEP), slice(None, None, NORMAL_STEP))
    coarse = np.stack(_evaluate(planes[:, 2:], safe[few], x[few], y[few]), axis=-1)
    coarse[numbers[few] < 0] = (0, 0, -1)
    return Raster(left, top, inside, u, v, coarse)


def _area(corners: Floats) -> Floats:
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]), np.float32)


def _number(corners: Floats, size: tuple[int, int]) -> NDArray[np.int32]:
    numbers = np.full((size[1], size[0]), -1, np.int32)
    away = corners - corners.mean(axis=1, keepdims=True)
    length = np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-6)
    fixed = np.rint((corners + away / length * _GROW_PX) * (1 << _SHIFT)).astype(np.int32)
    fill = cv2.fillConvexPoly
    for number, triangle in enumerate(fixed):
        fill(numbers, triangle, number, 8, _SHIFT)
    return numbers


def _outward(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Let the outermost triangles go on for a few pixels, so that a soft edge has something to show."""
    wide = np.asarray(cv2.dilate(numbers.astype(np.float32), np.ones((2 * _RIM_PX + 1,) * 2, np.uint8)))
    return np.where(numbers < 0, wide.astype(np.int32), numbers)


def _planes(corners: Floats, area: Floats, values: Floats) -> Floats:
    """Return, per triangle and value, the coefficients (a, b, c) of a x + b y + c."""
    p, q, r = corners[:, 0], corners[:, 1], corners[:, 2]
    one, two = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    qx, qy, rx, ry = q[:, 0] - p[:, 0], q[:, 1] - p[:, 1], r[:, 0] - p[:, 0], r[:, 1] - p[:, 1]
    a = (one * ry[:, None] - two * qy[:, None]) / area[:, None]
    b = (two * qx[:, None] - one * rx[:, None]) / area[:, None]
    c = values[:, 0] - a * p[:, :1] - b * p[:, 1:2]
    return np.stack([a, b, c], axis=-1).astype(np.float32)


def _evaluate(planes: Floats, numbers: NDArray[np.int32], x: Floats, y: Floats) -> list[Floats]:
    """Evaluate each value's plane at every pixel."""
    found = []
    for index in range(planes.shape[1]):
        a, b, c = (np.ascontiguousarray(planes[:, index, k]) for k in range(3))
        value = np.take(a, numbers)
        value *= x
        part = np.take(b, numbers)
        part *= y
        value += part
        value += np.take(c, numbers)
        found.append(value)
    return found
