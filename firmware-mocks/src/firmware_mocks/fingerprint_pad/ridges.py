"""A synthetic fingerprint by seed: ridges of about 9 pixels around a core, with minutiae, in an oval of contact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_mocks.fingerprint_pad.frame import HEIGHT, WIDTH
from firmware_mocks.fingerprint_pad.scrambling import Pixels

Plane = NDArray[np.float64]

PERIOD_PX = 9.2  # 0.45 mm at 512 ppi
MINUTIAE = 24
WHITE = 246.0


def synthetic_finger(seed: int) -> Pixels:
    """Return 290 x 384 pixels, dark ridges on white. The same seed gives the same finger, another seed another one."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    ridges = np.tanh(1.6 * np.cos(_phase(x, y, random)))
    pressure = 1 - 0.18 * _smooth(random, 60)
    ink = (0.5 + 0.42 * ridges) * pressure * _contact(x, y, random)
    noise = random.normal(0, 3.0, (HEIGHT, WIDTH))
    return np.clip(WHITE - 215 * ink + noise, 0, 255).astype(np.uint8)


def _phase(x: Plane, y: Plane, random: np.random.Generator) -> Plane:
    """Return the ridges' phase: rings around a core, stretched and warped; each vortex in it is a ridge ending."""
    core_x, core_y = WIDTH / 2 + random.uniform(-30, 30), HEIGHT / 2 + random.uniform(-25, 25)
    turn, stretch = random.uniform(0, np.pi), random.uniform(0.72, 0.95)
    dx, dy = x - core_x, y - core_y
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    radius = np.hypot(along * stretch, across / np.sqrt(stretch))
    phase = 2 * np.pi * (radius + 7 * _smooth(random, 45)) / PERIOD_PX
    for at_x, at_y, sign in zip(
        random.uniform(40, WIDTH - 40, MINUTIAE),
        random.uniform(30, HEIGHT - 30, MINUTIAE),
        random.choice([-1.0, 1.0], MINUTIAE),
        strict=True,
    ):
        phase += sign * np.arctan2(y - at_y, x - at_x)
    return np.asarray(phase, np.float64)


def _contact(x: Plane, y: Plane, random: np.random.Generator) -> Plane:
    """Return 1 where the finger touches the glass and 0 where it does not, with a soft edge."""
    middle_x, middle_y = WIDTH / 2 + random.uniform(-8, 8), HEIGHT / 2 + random.uniform(-5, 5)
    distance = np.hypot((x - middle_x) / 172, (y - middle_y) / 142)
    return np.asarray(1 / (1 + np.exp((distance - 1) * 40)), np.float64)


def _smooth(random: np.random.Generator, scale_px: float) -> Plane:
    """Return a random landscape between about -1 and 1 whose hills are `scale_px` wide."""
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH)[None, :])
    spectrum = np.fft.fft2(random.normal(size=(HEIGHT, WIDTH))) * np.exp(-((frequency * scale_px) ** 2) * 2)
    hills = np.fft.ifft2(spectrum).real
    return np.asarray(hills / (2 * hills.std()), np.float64)
