"""The head as a mesh: the face's landmarks, the hair in rings around them, a back shell, the underside of the jaw.

Every vertex keeps its place in the photograph (its texture) beside its place in the head, so deforming the head never
moves the picture on it. Head coordinates are millimetres: x to the picture's right, y down, z away from the camera,
origin midway between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.source import (
    OVAL,
    Source,
    eye_centres,
    source,
)

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]

# Yaw, pitch and roll of the head in the photograph, degrees: rigid landmarks against a generic head.
SOURCE_POSE = (1.4, -7.8, 3.1)
INTER_EYE_MM = 62.6
# Rays leave the face's oval through its corners and two places on each of its edges.
RAYS_PER_EDGE = 3
RINGS = np.array([0.25, 0.5, 0.7, 0.85, 0.94, 1.0])
SHELL_DEG = np.array([12.0, 25.0, 38.0, 52.0, 70.0, 88.0])
# In source pixels: where rays start, the depth of the silhouette, and how far the back of the head lies behind it.
MIDDLE = (226.0, 112.0)
SILHOUETTE_DEPTH = 60.0
BACK_DEPTH = 78.0
# Below this line (y at x = 150 and at x = 300) the head ends at the jaw, and what the photograph shows is neck.
LOBES = (133.0, 138.0)


@dataclass(frozen=True, slots=True)
class Head:
    """`places` N x 3 mm, `texture` N x 2 source pixels, `triangles` M x 3; the first 468 vertices are the landmarks."""

    places: Floats = field(repr=False)
    texture: Floats = field(repr=False)
    triangles: Indices = field(repr=False)


def turn(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Return the rotation of a pose in degrees: yaw turns the nose to the picture's right, pitch up, roll clockwise."""
    a, b, c = np.radians([-yaw, -pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


@cache
def plain_head() -> Head:
    """Return the photograph's own head, turned frontal; the mouth is as in the photograph."""
    known = source()
    rim = _rim(known)
    outline, is_jaw = _outline(known, rim)
    depth = _silhouette_depth(rim, is_jaw)
    rings = [_ring(rim, outline, depth, float(t)) for t in RINGS]
    shells = [_shell(rim, outline, depth, is_jaw, float(angle)) for angle in SHELL_DEG]
    texture = np.concatenate([known.landmarks[:, :2], rim[:, :2], *[r[:, :2] for r in rings], *[t for _, t in shells]])
    solid = np.concatenate([known.landmarks, rim, *rings, *[p for p, _ in shells]])
    return Head(_to_head(solid, known), texture.astype(np.float32), _triangles(known, len(rim)))


def _rim(known: Source) -> NDArray[np.float64]:
    """Return the rays' starting points on the oval (K x 3), clockwise in the picture."""
    corners = known.landmarks[list(OVAL)].astype(np.float64)
    following = np.roll(corners, -1, axis=0)
    share = np.arange(RAYS_PER_EDGE)[None, :, None] / RAYS_PER_EDGE
    return (corners[:, None] * (1 - share) + following[:, None] * share).reshape(-1, 3)


def _outline(known: Source, rim: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return where each ray leaves the head (K x 2), and whether that is at the jaw."""
    away = rim[:, :2] - np.array(MIDDLE)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    steps = np.arange(0, 110, 0.25)
    path = rim[:, None, :2] + away[:, None] * steps[None, :, None]
    x, y = np.rint(path[..., 0]).astype(int), np.rint(path[..., 1]).astype(int)
    lobe = LOBES[0] + (LOBES[1] - LOBES[0]) * (path[..., 0] - 150) / 150
    inside = known.matte[np.clip(y, 0, 511), np.clip(x, 0, 511)] & (path[..., 1] < lobe)
    length = np.argmin(inside, axis=1) * 0.25
    # One pixel inside the matte: its edge is mixed with the wall behind.
    length = _around(np.maximum(length - 1.0, 1.0), 1.2)
    return rim[:, :2] + away * length[:, None], length < 6.0


def _silhouette_depth(rim: NDArray[np.float64], is_jaw: NDArray[np.bool_]) -> NDArray[np.float64]:
    return _around(np.where(is_jaw, rim[:, 2] + 8.0, SILHOUETTE_DEPTH), 5.0)


def _around(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Smooth values that run once around the head."""
    reach = np.arange(-8, 9)
    kernel = np.exp(-0.5 * np.square(reach / sigma))
    rolled = [np.roll(values, int(shift)) * weight for shift, weight in zip(reach, kernel / kernel.sum(), strict=True)]
    return np.asarray(np.sum(rolled, axis=0))


def _ring(
    rim: NDArray[np.float64], outline: NDArray[np.float64], depth: NDArray[np.float64], t: float
) -> NDArray[np.float64]:
    """Return the ring at share t of the way from the oval to the silhouette, bulging forward like a quarter circle."""
    plane = rim[:, :2] + (outline - rim[:, :2]) * t
    z = rim[:, 2] + (depth - rim[:, 2]) * (1 - np.sqrt(1 - t * t))
    return np.column_stack([plane, z])


def _shell(
    rim: NDArray[np.float64],
    outline: NDArray[np.float64],
    depth: NDArray[np.float64],
    is_jaw: NDArray[np.bool_],
    angle_deg: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a ring behind the silhouette: places, and texture (hair mirrored inward; below the jaw the neck)."""
    angle = np.radians(angle_deg)
    inward = (np.array(MIDDLE) - outline) * (1 - np.cos(angle))
    neck = (np.array([MIDDLE[0], outline[:, 1].max() - 25]) - outline) * (1 - np.cos(angle)) * 0.6
    jaw = _around(is_jaw.astype(float), 3.0)[:, None]
    plane = outline + inward * (1 - jaw) + neck * jaw
    z = depth + np.sin(angle) * (BACK_DEPTH * (1 - jaw[:, 0]) + 38.0 * jaw[:, 0])
    band = outline - rim[:, :2]
    width = np.linalg.norm(band, axis=1, keepdims=True)
    shift = np.minimum(np.linalg.norm(inward, axis=1, keepdims=True), 0.6 * width)
    hair = outline - band / width * shift
    # Beside the chin the photograph shows neck, further up only what is behind the head: there skin is mirrored, too.
    chin = np.clip((32 - np.abs(outline[:, :1] - MIDDLE[0])) / 10, 0, 1)
    skin = outline + band / width * np.sin(angle) * (5.0 * chin - 9.0 * (1 - chin))
    return np.column_stack([plane, z]), hair * (1 - jaw) + skin * jaw


def _triangles(known: Source, rays: int) -> Indices:
    """Return face, rings and shells; counter-clockwise seen from outside becomes positive area in the picture."""
    first = len(known.landmarks)
    strips = [known.triangles]
    here = np.arange(rays)
    after = np.roll(here, -1)
    for ring in range(len(RINGS) + len(SHELL_DEG)):
        a, b = first + ring * rays + here, first + ring * rays + after
        c, d = a + rays, b + rays
        strips += [np.column_stack([a, c, b]), np.column_stack([b, c, d])]
    return np.concatenate(strips).astype(np.int32)


def _to_head(solid: NDArray[np.float64], known: Source) -> Floats:
    """Turn places in the photograph (pixels) into head coordinates (mm)."""
    right, left = eye_centres(known.landmarks)
    scale = INTER_EYE_MM / float(np.linalg.norm(left - right))
    return np.asarray((solid - (right + left) / 2) @ turn(*SOURCE_POSE) * scale, np.float32)
