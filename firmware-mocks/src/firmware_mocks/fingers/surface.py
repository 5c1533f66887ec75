"""What lies on the glass when it is no fingerprint: nothing, or skin from elsewhere on the hand."""

from __future__ import annotations

import cv2
import numpy as np

from firmware_mocks.fingers.impression import PAD_HEIGHT, PAD_WIDTH
from firmware_mocks.fingers.imprint import GLASS, Pixels
from firmware_mocks.fingers.landscape import landscape

_FURROWS_PER_PIXEL = 0.004


def blank(seed: int = 0, width: int = PAD_WIDTH, height: int = PAD_HEIGHT, noise: float = 2.0) -> Pixels:
    """Return the empty glass: height x width, almost white."""
    random = np.random.default_rng([seed, 4])
    grey = GLASS + noise * random.standard_normal((height, width), dtype=np.float32)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def plain_skin(seed: int = 0, width: int = PAD_WIDTH, height: int = PAD_HEIGHT, noise: float = 4.0) -> Pixels:
    """Return skin without friction ridges (the back of a finger): a net of short furrows, grain, uneven contact."""
    random = np.random.default_rng([seed, 5])
    grey = 118 + 16 * landscape(random, height, width, 70) + 14 * landscape(random, height, width, 1.7)
    grey = grey + 60 * _furrows(random, width, height) + noise * random.standard_normal((height, width))
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def _furrows(random: np.random.Generator, width: int, height: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return lines of 6 to 22 pixels in two main directions with much scatter."""
    lines = np.zeros((height, width), np.float32)
    for _ in range(round(width * height * _FURROWS_PER_PIXEL)):
        middle = random.uniform(0, 1, 2) * (width, height)
        angle = random.choice([0.7, 2.3]) + random.normal(0, 0.7)
        half = np.array([np.cos(angle), np.sin(angle)]) * random.uniform(3, 11)
        start, end = (np.rint((middle + way * half) * 8).astype(int).tolist() for way in (-1, 1))
        cv2.line(lines, start, end, random.uniform(0.3, 1.0), 1, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(lines, (0, 0), 0.7), np.float32)
