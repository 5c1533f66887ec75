"""Deforming the head: the mouth closed, and another person's shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.anatomy import Head, plain_head
from firmware_mocks.head.source import (
    CHIN,
    INNER_LIPS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LID_PAIRS,
    LIP_PAIRS,
    OVAL,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)

Floats = NDArray[np.float32]

# Inner lips in pairs from corner to corner, and the outer lips above and below them.
_INNER = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
_OUTER = ((185, 146), (40, 91), (39, 181), (37, 84), (0, 17), (267, 314), (269, 405), (270, 321), (409, 375))
# The upper lip comes down by this share of the gap, the lower lip and the jaw rise by the rest.
UPPER_SHARE = 0.35
# Below this the lips are shut.
SHUT = 0.1
LIP_EDGE = 0.2
OUTER_UPPER, OUTER_LOWER, JAW = 0.80, 0.85, 0.30
# What stays where it is when the mouth moves: the upper oval, the nose and the eyes.
_STILL = (
    *OVAL[:12], *OVAL[25:], 1, 2, 4, 5, 6, 19, 48, 64, 94, 97, 98, 115, 168, 197, 220, 278, 294, 326, 327, 344, 440,
    *RIGHT_LOWER_LID, *LEFT_LOWER_LID,
)  # fmt: skip
_JAW = (CHIN, 148, 377, 176, 400, 149, 378, 175, 199, 200)


@dataclass(frozen=True, slots=True)
class Swell:
    """A smooth local stretch about a mirrored pair of centres: `gain` per axis, falling off over `reach` mm."""

    centre: tuple[float, float, float]
    reach: float
    axes: tuple[float, float, float]
    spread: float


# Where people differ: jaw, cheeks, forehead, nose (width, length, projection), eyes (size), mouth, chin.
_SWELLS = (
    Swell((0, 75, 25), 42, (1, 0.2, 0), 0.14),
    Swell((45, 35, 25), 26, (1, 0.3, 0.6), 0.14),
    Swell((0, -70, 10), 55, (0.7, 1, 0.3), 0.10),
    Swell((0, 38, -15), 16, (1, 0.2, 0.3), 0.30),
    Swell((0, 30, -20), 24, (0, 1, 0.4), 0.22),
    Swell((31, 0, 0), 15, (1, 1, 0), 0.12),
    Swell((0, 60, 5), 22, (1, 0.4, 0), 0.16),
    Swell((0, 100, 20), 22, (0.6, 1, 0.4), 0.14),
)
# The whole head: width, height, depth.
_WHOLE = (0.05, 0.05, 0.05)


@lru_cache(maxsize=8)
def shaped(identity: int, strength: float, mouth: float) -> Head:
    """Return a head of this identity with the mouth this open."""
    plain = plain_head()
    places = _with_mouth(plain, mouth)
    if identity:
        places = _as_person(places, np.random.default_rng((identity, 17)), strength)
    if mouth >= SHUT:
        return Head(places, plain.texture, plain.triangles)
    # What is between closed lips has no width and would only draw a seam of teeth.
    lips = np.isin(plain.triangles, INNER_LIPS).all(axis=1)
    return Head(places, _lips_only(plain.texture), plain.triangles[~lips])


def _lips_only(texture: Floats) -> Floats:
    """Draw the inner lips' texture a little into the lips: their very edge is half tooth, half shadow."""
    drawn = texture.copy()
    for inner, outer in zip(_INNER, _OUTER, strict=True):
        for a, b in zip(inner, outer, strict=True):
            drawn[a] += (texture[b] - texture[a]) * LIP_EDGE
    for a, b in ((78, 61), (308, 291)):
        drawn[a] += (texture[b] - texture[a]) * 0.6
    return drawn


def gaps(head: Head) -> tuple[float, float]:
    """Return the lid gap (the smaller eye) and the lip gap, each the largest of its pairs, as shares of T."""
    points = head.places
    eyes = (points[33] + points[133] + points[263] + points[362]) / 4
    whole = float(np.linalg.norm(points[CHIN] - eyes))
    lids = min(_largest(points, pairs) for pairs in LID_PAIRS)
    return lids / whole, _largest(points, LIP_PAIRS) / whole


def _largest(points: Floats, pairs: tuple[tuple[int, int], ...]) -> float:
    return max(float(np.linalg.norm(points[a] - points[b])) for a, b in pairs)


def _with_mouth(head: Head, mouth: float) -> Floats:
    """Carry the lips together (or apart, above 1) and everything around them smoothly along."""
    moved = head.places + _closing() * np.float32(1 - mouth)
    if mouth < SHUT:
        for upper, lower in _INNER:
            moved[[upper, lower]] = (moved[upper] + moved[lower]) / 2
    return np.asarray(moved, np.float32)


@cache
def _closing() -> Floats:
    """Return how far each vertex of the plain head moves (mm) when the mouth shuts."""
    head = plain_head()
    goals: dict[int, NDArray[np.float64]] = {index: np.zeros(3) for index in _STILL}
    points = head.places.astype(np.float64)
    for (upper, lower), (above, below) in zip(_INNER, _OUTER, strict=True):
        gap = points[lower] - points[upper]
        goals[upper], goals[lower] = gap * UPPER_SHARE, -gap * (1 - UPPER_SHARE)
        goals[above], goals[below] = goals[upper] * OUTER_UPPER, goals[lower] * OUTER_LOWER
    for corner in (78, 308, 61, 291):
        goals[corner] = np.zeros(3)
    for index in _JAW:
        goals[index] = goals[14] * JAW
    return _spline(head, goals)


def _spline(head: Head, goals: dict[int, NDArray[np.float64]]) -> Floats:
    """Interpolate displacements given at some vertices over all (polyharmonic, r), fading out round the mouth."""
    keys = list(goals)
    sites = head.places.astype(np.float64) * np.array([1, 1, 0.7])
    knots, count = sites[keys], len(keys)
    near = np.linalg.norm(knots[:, None] - knots[None], axis=2)
    matrix = np.zeros((count + 1, count + 1))
    matrix[:count, :count] = near + np.eye(count) * 1e-3
    matrix[:count, count] = matrix[count, :count] = 1
    weights = np.linalg.solve(matrix, np.vstack([np.array(list(goals.values())), np.zeros((1, 3))]))
    far = np.linalg.norm(sites[:, None] - knots[None], axis=2)
    moved = far @ weights[:count] + weights[count]
    middle = (head.places[13] + head.places[14]) / 2
    fade = np.clip((np.linalg.norm(head.places - middle, axis=1) - 50) / 30, 0, 1)
    return np.asarray(moved * (1 - fade)[:, None], np.float32)


def _as_person(places: Floats, dice: np.random.Generator, strength: float) -> Floats:
    points = places.astype(np.float64)
    moved = points.copy()
    for swell in _SWELLS:
        amount = float(np.clip(dice.normal(), -1.6, 1.6)) * swell.spread * strength
        for side in (1, -1) if swell.centre[0] else (1,):
            away = points - np.array(swell.centre) * [side, 1, 1]
            weight = np.exp(-np.sum(np.square(away), axis=1) / (2 * swell.reach**2))
            moved += weight[:, None] * away * np.array(swell.axes) * amount
    whole = 1 + np.clip(dice.normal(size=3), -1.5, 1.5) * np.array(_WHOLE) * strength
    return np.asarray(moved * whole, np.float32)


LID_RINGS = (RIGHT_UPPER_LID, RIGHT_LOWER_LID), (LEFT_UPPER_LID, LEFT_LOWER_LID)
