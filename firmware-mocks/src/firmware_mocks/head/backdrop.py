"""What is behind the subject: a plain wall, a textured one, or a poster with a face on it."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.source import photograph
from firmware_mocks.head.subject import Camera, Colour, Subject, Wall

Pixels = NDArray[np.uint8]

WALL_BEHIND_MM = 900.0
# Half as large again as life.
POSTER_WIDTH_MM = 600.0


def backdrop(subject: Subject, camera: Camera) -> Pixels:
    """Return the wall's own colours (not yet lit), BGR."""
    wall = _plain(subject.wall_tone, camera.width, camera.height)
    match subject.wall:
        case Wall.TEXTURE:
            return _textured(subject.wall_tone, subject.texture, camera.width, camera.height)
        case Wall.POSTER:
            return _with_poster(wall, subject, camera)
    return wall


@lru_cache(maxsize=4)
def _plain(tone: Colour, width: int, height: int) -> Pixels:
    """Return a wall that falls off a little to the sides, as walls do."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fall = (1 - 0.015 * (x * x + y * y))[..., None] * np.array(tone[::-1], np.float32)
    # Half a grey level of noise, so that the slope does not show as steps.
    grain = np.random.default_rng(0).uniform(-0.5, 0.5, (height, width, 1)).astype(np.float32)
    return np.asarray(np.clip(np.rint(fall + grain), 0, 255), np.uint8)


@lru_cache(maxsize=2)
def _textured(tone: Colour, contrast: float, width: int, height: int) -> Pixels:
    """Return wallpaper: blots and stripes, `contrast` grey levels of standard deviation."""
    dice = np.random.default_rng(9)
    coarse = dice.standard_normal((height // 12 + 2, width // 12 + 2)).astype(np.float32)
    blots = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    stripes = np.sin(np.arange(width, dtype=np.float32) / width * 2 * np.pi * 40)[None, :]
    pattern = np.asarray(blots + stripes, np.float32)
    pattern = pattern * np.float32(contrast / max(float(pattern.std()), 1e-6))
    return np.asarray(np.clip(_plain(tone, width, height) + pattern[..., None], 0, 255), np.uint8)


def _with_poster(wall: Pixels, subject: Subject, camera: Camera) -> Pixels:
    """Hang the photograph itself on the wall, to the picture's right."""
    picture = photograph()[:300, 90:360]
    scale = POSTER_WIDTH_MM * camera.focal / (subject.distance_mm + WALL_BEHIND_MM) / picture.shape[1]
    left, top = camera.width * 0.62, camera.height * 0.05
    matrix = np.array([[scale, 0, left], [0, scale, top]], np.float64)
    size = (camera.width, camera.height)
    hung = wall.copy()
    cv2.warpAffine(picture, matrix, size, dst=hung, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    return hung
