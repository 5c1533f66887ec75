"""The camera's pictures: a few JPEGs of one subject with different sensor noise, rendered once and shown in turn."""

from __future__ import annotations

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.camera.heads import head_frames, is_head
from firmware_mocks.camera.subjects import render

FRAMES = 6
NOISE_SIGMA = 2.0
JPEG_QUALITY = 92
# Frames start at different places of one table of noise: drawing it anew for each would take most of the time.
_SLACK = 65_536


@lru_cache(maxsize=24)
def film(subject: str, seed: int, width: int, height: int) -> tuple[bytes, ...]:
    """Return JPEG frames of the subject. Raises ValueError for an unknown one."""
    if is_head(subject):
        return head_frames(subject, seed, width, height, FRAMES)
    clean = render(subject, seed, width, height).astype(np.int16)
    dice = np.random.default_rng(seed)
    table = _noise(clean.size + _SLACK)
    return tuple(_exposed(clean, table[start : start + clean.size]) for start in dice.integers(0, _SLACK, FRAMES))


def _exposed(clean: NDArray[np.int16], noise: NDArray[np.int16]) -> bytes:
    noisy = np.clip(clean + noise.reshape(clean.shape), 0, 255).astype(np.uint8)
    ok, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise ValueError("the frame could not be encoded")
    return jpeg.tobytes()


@cache
def _noise(length: int) -> NDArray[np.int16]:
    drawn = np.random.default_rng(0).standard_normal(length, np.float32)
    return np.asarray(np.rint(drawn * NOISE_SIGMA), np.int16)
