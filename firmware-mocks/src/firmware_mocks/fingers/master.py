"""A finger as it is, before anyone presses it on glass: its ridges, its pores, its scars. All from one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from firmware_mocks.fingers.growth import grow
from firmware_mocks.fingers.landscape import Plane, landscape
from firmware_mocks.fingers.pattern import SHARES, Pattern, orientation

# The whole fingertip at 500 ppi: 24 x 28 mm.
WIDTH, HEIGHT = 480, 560
# Ridges are about 9 pixels apart at 500 ppi, wider towards the joint.
PERIOD_PX = 9.0
_WIDER_BELOW = 0.08
# One pore for this many square pixels; those that meet no ridge are dropped.
_AREA_OF_PORE = 60
_PORES_FROM = 0.55
_SCAR_POINTS = 24


@dataclass(frozen=True, slots=True)
class Master:
    """One finger. `ridges`: 560 x 480 heights, -1 valley .. 1 ridge; `pores`: depth of the sweat pores, 0..1."""

    seed: int
    pattern: Pattern
    ridges: Plane = field(repr=False)
    pores: Plane = field(repr=False)

    def scars(self, count: int) -> Plane:
        """Return the depth, 0..1, of the finger's first `count` scars; they are the same in every impression."""
        random = np.random.default_rng([self.seed, 1])
        depth = np.zeros((HEIGHT, WIDTH), np.float32)
        for _ in range(count):
            points = np.rint(_scar(random) * 8).astype(np.int32)
            cv2.polylines(depth, [points], False, 1.0, int(random.integers(2, 5)), cv2.LINE_AA, 3)
        return np.asarray(cv2.GaussianBlur(depth, (0, 0), 1.0), np.float32)


@lru_cache(maxsize=32)
def master(seed: int, pattern: Pattern | None = None) -> Master:
    """Return the finger with this seed; without `pattern` chance takes one, as often as people have it.

    A finger costs about a tenth of a second once and is then kept.
    """
    random = np.random.default_rng([seed, 0])
    drawn = random.choice(np.array(list(SHARES)), p=np.array(list(SHARES.values())) / sum(SHARES.values()))
    chosen = Pattern(drawn) if pattern is None else pattern
    bent = orientation(chosen, random, HEIGHT, WIDTH) + 0.05 * landscape(random, HEIGHT, WIDTH, 110)
    ridges = grow(np.asarray(bent, np.float32), _period(random), random)
    pores = _pores(ridges, random)
    for plane in (ridges, pores):
        plane.flags.writeable = False
    return Master(seed, chosen, ridges, pores)


def _period(random: np.random.Generator) -> Plane:
    wider = _WIDER_BELOW * np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    person = random.uniform(0.95, 1.05)
    return np.asarray(PERIOD_PX * person * (1 + 0.06 * landscape(random, HEIGHT, WIDTH, 120) + wider), np.float32)


def _pores(ridges: Plane, random: np.random.Generator) -> Plane:
    """Return small pits on the ridges' crests."""
    count = HEIGHT * WIDTH // _AREA_OF_PORE
    y, x = random.integers(0, HEIGHT, count), random.integers(0, WIDTH, count)
    on_ridge = ridges[y, x] > _PORES_FROM
    pits = np.zeros((HEIGHT, WIDTH), np.float32)
    pits[y[on_ridge], x[on_ridge]] = random.uniform(0.4, 1.0, int(on_ridge.sum()))
    blurred = cv2.GaussianBlur(pits, (0, 0), 0.9)
    return np.asarray(np.clip(blurred * (2 * np.pi * 0.9**2), 0, 1), np.float32)


def _scar(random: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return a gently bent line of points x, y somewhere on the finger."""
    start = np.array([WIDTH, HEIGHT]) * random.uniform(0.3, 0.7, 2)
    heading, bend, length = random.uniform(0, np.pi), random.uniform(-0.6, 0.6), random.uniform(60, 170)
    along = np.linspace(-0.5, 0.5, _SCAR_POINTS)
    angles = heading + bend * along
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (length / _SCAR_POINTS)
    path = np.cumsum(steps, axis=0)
    return np.asarray(start + path - path[_SCAR_POINTS // 2])
