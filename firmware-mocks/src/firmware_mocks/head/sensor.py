"""Lens and sensor: defocus, motion, noise, JPEG."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# Frames start at different places of one table of noise: drawing it anew for each would take most of the time.
_SLACK = 65_536
_UNIT = 16


def blurred(pixels: Pixels, defocus_px: float, motion_px: float, motion_deg: float) -> Pixels:
    """Blur by a Gaussian of this sigma, then along a line of this length."""
    if defocus_px > 0:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), defocus_px), np.uint8)
    if motion_px >= 1:
        pixels = np.asarray(cv2.filter2D(pixels, -1, _streak(motion_px, motion_deg)), np.uint8)
    return pixels


def noisy(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """Add sensor noise of this standard deviation in grey levels; the same seed gives the same noise."""
    if sigma <= 0:
        return pixels
    start = int(np.random.default_rng(seed).integers(0, _SLACK))
    noise = _table(pixels.size + _SLACK)[start : start + pixels.size].reshape(pixels.shape)
    return np.asarray(cv2.addWeighted(pixels, 1.0, noise, sigma / _UNIT, -128 * sigma / _UNIT, dtype=cv2.CV_8U))


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """Encode as JPEG."""
    ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError("the frame could not be encoded")
    return data.tobytes()


@cache
def _table(length: int) -> Pixels:
    drawn = np.random.default_rng(0).standard_normal(length, np.float32)
    return np.asarray(np.clip(np.rint(128 + drawn * _UNIT), 0, 255), np.uint8)


def _streak(length: float, degrees: float) -> NDArray[np.float32]:
    side = 2 * int(np.ceil(length / 2)) + 3
    kernel = np.zeros((side, side), np.float32)
    half = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * (length - 1) / 2
    ends = [tuple(np.rint((side // 2 + sign * half) * 16).astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / kernel.sum(), np.float32)
