"""What pictures of the empty glass say about a fingerprint reader: noise, dead lines and pixels, light, speed.

Limits are ours and provisional: no reader's maker states any. Light pixels that are stuck cannot be seen on an empty
glass, which is light itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.evidence import Check, Verdict
from agent.devices.seams import FingerImage, Pixels

Flags = NDArray[np.bool_]
Greys = NDArray[np.float32]

# Frames that are needed: fewer say nothing about noise.
FEWEST_FRAMES = 4
# A pixel is dead when it differs from its surroundings by this many greys on average.
DEAD_GREYS = 24.0
# A row or column is dead when this share of it is.
DEAD_SHARE = 0.8
_AROUND = 9


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """The greatest values that pass: greys of noise, dead lines, dead pixels, greys of light, ms between frames.

    `finger_greys`: an empty glass deviates by less; more, and something lies on it.
    """

    noise: float = 6.0
    dead_lines: int = 0
    dead_pixels: int = 20
    unevenness: float = 40.0
    frame_ms: float = 250.0
    finger_greys: float = 25.0


@dataclass(frozen=True, slots=True)
class Health:
    """The findings on the empty glass: `mean` of all frames (290 x 384), what is dead, and the checks."""

    mean: Greys = field(repr=False)
    dead: Flags = field(repr=False)
    dead_rows: tuple[int, ...]
    dead_columns: tuple[int, ...]
    checks: tuple[Check, ...]

    @property
    def row_light(self) -> Greys:
        """How much lighter each row is than the whole, in greys, dead lines aside."""
        good = np.ma.array(self.mean, mask=self.dead)
        return np.asarray((good.mean(axis=1) - good.mean()).filled(0), np.float32)

    @property
    def column_light(self) -> Greys:
        """How much lighter each column is than the whole, in greys, dead lines aside."""
        good = np.ma.array(self.mean, mask=self.dead)
        return np.asarray((good.mean(axis=0) - good.mean()).filled(0), np.float32)

    def picture(self) -> Pixels:
        """Return the glass (BGR) with its unevenness stretched to full contrast and what is dead in red."""
        spread = max(1.0, float(np.ptp(self.mean[~self.dead]))) if not self.dead.all() else 1.0
        low = float(self.mean[~self.dead].min()) if not self.dead.all() else 0.0
        grey = np.clip((self.mean - low) / spread * 255, 0, 255).astype(np.uint8)
        picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        picture[self.dead] = (0, 0, 255)
        return picture


def reader_health(frames: Sequence[FingerImage], limits: HealthLimits | None = None) -> Health:
    """Judge a reader by frames of its empty glass; raise ValueError for fewer than four or frames of unequal size."""
    allowed = limits or HealthLimits()
    if len(frames) < FEWEST_FRAMES:
        raise ValueError(f"{len(frames)} frames, at least {FEWEST_FRAMES} are needed")
    stack = np.stack([frame.pixels for frame in frames]).astype(np.float32)
    mean, noise = stack.mean(axis=0), float(np.median(stack.std(axis=0)))
    around = _around(mean)
    rows, columns = _dead_lines(mean)
    dead = np.abs(mean - around) > DEAD_GREYS
    dead[list(rows)] = dead[:, list(columns)] = True
    single = dead.copy()
    single[list(rows)] = single[:, list(columns)] = False
    light = cv2.GaussianBlur(around, (0, 0), 12)
    checks = (
        _empty(mean, around, dead, allowed),
        _at_most("kiosk_reader_noise", noise, "grey", allowed.noise),
        _at_most("kiosk_reader_dead_lines", len(rows) + len(columns), "lines", allowed.dead_lines),
        _at_most("kiosk_reader_dead_pixels", int(single.sum()), "px", allowed.dead_pixels),
        _at_most("kiosk_reader_unevenness", float(np.ptp(light)), "grey", allowed.unevenness),
        _at_most("kiosk_reader_frame_interval", _interval_ms(frames), "ms", allowed.frame_ms),
    )
    return Health(mean, dead, rows, columns, checks)


def _dead_lines(mean: Greys) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return rows and columns that differ from the lines around them over most of their length."""
    found = []
    for plane in (mean, mean.T):
        off = np.abs(plane - _around(plane)) > DEAD_GREYS
        found.append(tuple(int(line) for line in np.flatnonzero(off.mean(axis=1) >= DEAD_SHARE)))
    return found[0], found[1]


def _around(plane: Greys) -> Greys:
    """Return what surrounds each pixel: the median, mirrored at the edges so that an edge line is not its own."""
    rim = _AROUND // 2
    framed = cv2.copyMakeBorder(np.rint(plane).astype(np.uint8), rim, rim, rim, rim, cv2.BORDER_REFLECT_101)
    return cv2.medianBlur(framed, _AROUND)[rim:-rim, rim:-rim].astype(np.float32)


def _empty(mean: Greys, around: Greys, dead: Flags, limits: HealthLimits) -> Check:
    """Say whether the glass was empty: ridges make the greys deviate within small squares."""
    wave = np.where(dead, 0, mean - cv2.GaussianBlur(around, (0, 0), 8))
    most = float(np.percentile(np.sqrt(cv2.GaussianBlur(wave * wave, (0, 0), 8)), 90))
    return _at_most("kiosk_reader_glass_empty", most, "grey", limits.finger_greys)


def _interval_ms(frames: Sequence[FingerImage]) -> float:
    return float(np.median([(after.taken_s - before.taken_s) * 1000 for before, after in pairwise(frames)]))


def _at_most(name: str, native: float, unit: str, limit: float) -> Check:
    if native <= limit:
        return Check(name, Verdict.PASSED, "", native, unit)
    return Check(name, Verdict.FAILED, f"{native:.4g} {unit}, at most {limit:g} is allowed", native, unit)
