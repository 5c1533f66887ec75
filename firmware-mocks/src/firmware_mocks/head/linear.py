"""sRGB and linear light by table (IEC 61966-2-1)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_STEPS = 4096
_CODES = np.arange(256) / 255
_TO_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LIGHT = np.arange(_STEPS) / (_STEPS - 1)
_TO_CODE = np.rint(
    255 * np.where(_LIGHT <= 0.0031308, _LIGHT * 12.92, 1.055 * np.maximum(_LIGHT, 1e-9) ** (1 / 2.4) - 0.055)
).astype(np.uint8)
LUMINANCE = np.array([0.0722, 0.7152, 0.2126], np.float32)


def to_linear(pixels: Pixels) -> Floats:
    """Return linear light 0..1 of sRGB codes."""
    return np.asarray(cv2.LUT(pixels, _TO_LINEAR), np.float32)


def to_codes(light: Floats) -> Pixels:
    """Return sRGB codes of linear light; what is brighter than white burns out."""
    index = cv2.addWeighted(light, _STEPS - 1, light, 0, 0, dtype=cv2.CV_16U)
    return np.take(_TO_CODE, np.asarray(index), mode="clip")


def gained(pixels: Pixels, gain: tuple[float, float, float]) -> Pixels:
    """Multiply BGR codes by a gain per channel (blue, green, red) in linear light."""
    if gain == (1.0, 1.0, 1.0):
        return pixels
    table = np.stack([to_codes(np.minimum(_TO_LINEAR * np.float32(one), 1)) for one in gain], axis=-1)
    return np.asarray(cv2.LUT(pixels, table.reshape(1, 256, 3)), np.uint8)
