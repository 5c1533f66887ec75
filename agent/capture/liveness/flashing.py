"""The face's answer to the screen's colours: in colour, in time, and by its shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.capture.liveness.challenge import LIGHT, Colour
from agent.capture.liveness.relief import lambert
from agent.capture.liveness.series import FlashTaken, Floats
from agent.capture.liveness.skin import SKIN

# The lags that are tried, in ms: far more than is allowed, so that a late answer shows as late.
LAGS_MS = range(-200, 610, 10)
# Lags whose correlation is within this of the best are one plateau: frames are further apart than lags.
PLATEAU = 0.002
FEWEST_FRAMES = 8
HUBER = 1.345


@dataclass(frozen=True, slots=True)
class FlashAnswer:
    """How the skin answered.

    `correlation` is of the skin's colour with the shown one at the best lag, `lag_ms` that lag, `gain` the screen's
    light on the skin (1: as bright as the room), `slope` that of the shading (flat: 0).
    """

    correlation: float
    lag_ms: float
    gain: float
    slope: float


def flash_answer(flash: FlashTaken, colours: Sequence[Colour], mesh: Floats) -> FlashAnswer | None:
    """Measure the answer to `colours`; `mesh` is the frontal face, 468 x 3. None when there are too few frames.

    `flash.shown_ms` has one time more than colours for each of dark before and dark after.
    """
    enough = len(flash.at_ms) >= FEWEST_FRAMES and len(flash.shown_ms) == len(colours) + 2
    if not enough or flash.light.shape[1] != len(SKIN):
        return None
    mean = flash.light.mean(axis=1)
    seen = _chroma(mean / np.maximum(mean.mean(axis=0), 1e-6))
    likeness = np.array([_likeness(seen, _chroma(_shown(flash, colours, lag))) for lag in LAGS_MS])
    best = float(likeness.max())
    lag_ms = float(np.mean([lag for lag, value in zip(LAGS_MS, likeness, strict=True) if value >= best - PLATEAU]))
    gains, base = _gains(flash.light, _shown(flash, colours, lag_ms))
    share = gains.sum(axis=0) / np.maximum(base.sum(axis=0), 1e-6)
    return FlashAnswer(best, lag_ms, float(share.mean()), _slope(gains, base, share, mesh))


def _shown(flash: FlashTaken, colours: Sequence[Colour], lag_ms: float) -> Floats:
    """Return the screen's light that each frame saw, frames x 3."""
    lights = np.array([(0.0, 0.0, 0.0), (0.0, 0.0, 0.0), *(LIGHT[colour] for colour in colours), (0.0, 0.0, 0.0)])
    return lights[np.searchsorted(flash.shown_ms, np.asarray(flash.at_ms) - lag_ms, side="right")]


def _chroma(light: Floats) -> Floats:
    """Return what is colour in a series of light: neither its mean over time nor what all channels share."""
    colour = light - light.mean(axis=1, keepdims=True)
    return np.asarray(colour - colour.mean(axis=0), np.float64)


def _likeness(one: Floats, other: Floats) -> float:
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / scale if scale > 1e-9 else 0.0


def _gains(light: Floats, shown: Floats) -> tuple[Floats, Floats]:
    """Return by least squares the screen's and the room's light on each point, points x 3 each."""
    gains, base = np.zeros(light.shape[1:]), np.zeros(light.shape[1:])
    for channel in range(3):
        rows = np.column_stack([shown[:, channel], np.ones(len(shown))])
        found = np.linalg.lstsq(rows, light[:, :, channel], rcond=None)[0]
        gains[:, channel], base[:, channel] = found
    return gains, np.maximum(base, 1e-4)


def _slope(gains: Floats, base: Floats, share: Floats, mesh: Floats) -> float:
    """Return the slope of the logarithm of the answer against that of Lambert's law on the mesh, beside a plane.

    Dividing by the room's light takes the skin's own colour out. The weights are Huber's: glasses and hair fall out.
    """
    expected = base * share
    strength = (gains * expected).sum(axis=1) / np.maximum((expected**2).sum(axis=1), 1e-9)
    answer = np.log(np.clip(strength, 0.05, 20.0))
    places = mesh[list(SKIN), :2]
    places = (places - places.mean(axis=0)) / max(float(places.std()), 1e-6)
    rows = np.column_stack([np.log(lambert(mesh, SKIN)), np.ones(len(SKIN)), places])
    weights = np.ones(len(SKIN))
    found = np.zeros(4)
    for _ in range(8):
        root = np.sqrt(weights)[:, None]
        found = np.linalg.lstsq(rows * root, answer * root[:, 0], rcond=None)[0]
        off = np.abs(answer - rows @ found)
        spread = max(float(np.median(off)) * 1.4826, 1e-6)
        weights = np.minimum(1.0, HUBER * spread / np.maximum(off, 1e-9))
    return float(found[0])
