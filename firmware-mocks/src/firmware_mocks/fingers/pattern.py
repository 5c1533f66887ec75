"""Which way the ridges run: a zero-pole field of cores and deltas for each pattern of Henry's classification.

A core turns the ridges by half a turn around itself, a delta by half a turn backwards (Sherlock and Monro's model).
Places are in half widths of the finger from its middle, x to the right and y up; the tip is at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from firmware_mocks.fingers.landscape import Plane, grid

# How far chance moves a core or a delta, in half widths.
_WANDER = 0.06
# The ridges at both sides fall towards the joint by this much (radians at the edge of the finger).
_SHOULDER = 0.42


class Pattern(StrEnum):
    """The patterns as they look on the picture: a left loop opens to the picture's left."""

    ARCH = "arch"
    TENTED_ARCH = "tented_arch"
    LEFT_LOOP = "left_loop"
    RIGHT_LOOP = "right_loop"
    WHORL = "whorl"
    DOUBLE_LOOP = "double_loop"


# How often each is found among people's fingers, roughly.
SHARES = {
    Pattern.ARCH: 0.04,
    Pattern.TENTED_ARCH: 0.03,
    Pattern.LEFT_LOOP: 0.32,
    Pattern.RIGHT_LOOP: 0.32,
    Pattern.WHORL: 0.23,
    Pattern.DOUBLE_LOOP: 0.06,
}


@dataclass(frozen=True, slots=True)
class Singularities:
    """Where the ridges turn. As many cores as deltas, so that they run straight again far away."""

    cores: tuple[complex, ...]
    deltas: tuple[complex, ...]


# A plain arch has none of them.
_PLACES = {
    Pattern.ARCH: Singularities((), ()),
    Pattern.TENTED_ARCH: Singularities((0.12j,), (-0.36j,)),
    Pattern.LEFT_LOOP: Singularities((0.05 + 0.12j,), (0.52 - 0.42j,)),
    Pattern.RIGHT_LOOP: Singularities((-0.05 + 0.12j,), (-0.52 - 0.42j,)),
    Pattern.WHORL: Singularities((0.20j, 0.04j), (-0.62 - 0.50j, 0.62 - 0.50j)),
    Pattern.DOUBLE_LOOP: Singularities((-0.15 + 0.30j, 0.15 - 0.08j), (-0.66 - 0.50j, 0.66 - 0.50j)),
}


def orientation(pattern: Pattern, random: np.random.Generator, height: int, width: int) -> Plane:
    """Return the angle of the ridges at every pixel, in radians, anticlockwise from the picture's right."""
    x, y = grid(height, width)
    across, up = x / (width / 2) - 1, (height / 2 - y) / (width / 2)
    shoulders = -_SHOULDER * across * np.clip(0.75 + 0.6 * up, 0, 1.2)
    if pattern is Pattern.ARCH:
        return np.asarray(_arch(across, up, random) + 0.6 * shoulders, np.float32)
    found = _moved(_PLACES[pattern], random)
    mirrored = pattern is Pattern.DOUBLE_LOOP and bool(random.integers(2))
    place = (-across if mirrored else across) + 1j * up
    turned = sum(np.angle(place - core) for core in found.cores) - sum(np.angle(place - d) for d in found.deltas)
    return np.asarray((-turned if mirrored else turned) / 2 + shoulders, np.float32)


def _arch(across: Plane, up: Plane, random: np.random.Generator) -> Plane:
    """Return a wave: ridges rise on the left and fall on the right, most of all in the middle of the finger."""
    steep, middle = 0.85 + random.uniform(-0.15, 0.15), -0.05 + random.uniform(-0.1, 0.1)
    wave = -np.sin(np.pi * np.clip(across, -1, 1) / 1.15) * np.exp(-(((up - middle) / 0.55) ** 2))
    return np.asarray(np.arctan(steep * wave), np.float32)


def _moved(places: Singularities, random: np.random.Generator) -> Singularities:
    return Singularities(
        tuple(core + _step(random, _WANDER / 2) for core in places.cores),
        tuple(delta + _step(random, _WANDER) for delta in places.deltas),
    )


def _step(random: np.random.Generator, reach: float) -> complex:
    return complex(random.uniform(-reach, reach), random.uniform(-reach, reach))
