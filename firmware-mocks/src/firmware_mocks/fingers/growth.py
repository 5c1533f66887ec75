"""Ridges grow out of noise: a filter with the local direction and period is applied again and again.

The filter is Gabor's: a wave across the ridges, a bell along them, both sampled on curves that follow the field, so
every direction and period is met exactly. Where waves from two sides do not fit, a ridge ends or splits: minutiae.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from firmware_mocks.fingers.landscape import Plane, grid

# Offsets in ridge periods, and the bells' deviations.
_ACROSS, _ACROSS_BELL = np.arange(-1.25, 1.26, 0.25), 0.42
_ALONG, _ALONG_BELL = np.arange(-1.5, 1.51, 0.5), 0.75
# Growth begins on half the pixels, where it is four times as fast, and is finished on all of them.
_ROUGH_ROUNDS, _FINE_ROUNDS = 14, 5
# How hard heights are pressed towards -1 and 1 after each round.
_GAIN = 1.2
# Takes away what alternates from pixel to pixel, which the sampled filter cannot see.
_CALM_PX = 0.6


def grow(angle: Plane, period_px: Plane, random: np.random.Generator) -> Plane:
    """Return the heights of the skin, -1 (valley) to 1 (ridge); `angle` in radians, anticlockwise."""
    height, width = angle.shape
    rough = _Skin.of(angle[::2, ::2], np.asarray(period_px[::2, ::2] / 2, np.float32))
    heights = random.standard_normal(rough.shape, dtype=np.float32)
    for _ in range(_ROUGH_ROUNDS):
        heights = rough.ripened(heights)
    heights = np.asarray(cv2.resize(heights, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    fine = _Skin.of(angle, period_px)
    for _ in range(_FINE_ROUNDS):
        heights = fine.ripened(heights)
    return heights


_Tap = tuple[np.float32, Plane, Plane]


@dataclass(frozen=True, slots=True)
class _Skin:
    """The filter's taps: a weight, and where it looks from every pixel."""

    shape: tuple[int, int]
    along: tuple[_Tap, ...]
    across: tuple[_Tap, ...]

    @classmethod
    def of(cls, angle: Plane, period_px: Plane) -> _Skin:
        """Lay the taps for one field."""
        height, width = angle.shape
        right, down = period_px * np.cos(angle), -period_px * np.sin(angle)
        return cls(
            (height, width),
            _taps(_ALONG, _bell(_ALONG, _ALONG_BELL), right, down),
            _taps(_ACROSS, _wave(), -down, right),
        )

    def ripened(self, heights: Plane) -> Plane:
        """Return the heights after one round."""
        calm = np.asarray(cv2.GaussianBlur(heights, (0, 0), _CALM_PX), np.float32)
        waves = _filtered(_filtered(calm, self.along), self.across)
        return np.asarray(np.tanh(waves * (_GAIN / (np.abs(waves).mean() + 1e-6))), np.float32)


def _bell(offsets: np.ndarray[tuple[int], np.dtype[np.float64]], deviation: float) -> list[float]:
    weights = np.exp(-(offsets**2) / (2 * deviation**2))
    return list(weights / weights.sum())


def _wave() -> list[float]:
    """Return a cosine under a bell that is blind to an even grey."""
    bell = np.exp(-(_ACROSS**2) / (2 * _ACROSS_BELL**2))
    wave = np.cos(2 * np.pi * _ACROSS) * bell
    return list(wave - bell * (wave.sum() / bell.sum()))


def _taps(
    offsets: np.ndarray[tuple[int], np.dtype[np.float64]], weights: list[float], right: Plane, down: Plane
) -> tuple[_Tap, ...]:
    x, y = grid(*right.shape)
    steps = [np.float32(offset) for offset in offsets]
    return tuple(
        (np.float32(weight), x + step * right, y + step * down) for step, weight in zip(steps, weights, strict=True)
    )


def _filtered(heights: Plane, taps: tuple[_Tap, ...]) -> Plane:
    total = np.zeros_like(heights)
    for weight, x, y in taps:
        total += weight * cv2.remap(heights, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return total
