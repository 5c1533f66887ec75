"""Shading: a lamp and the screen's flash by Lambert's law, in linear light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.linear import gained, to_codes, to_linear
from firmware_mocks.head.subject import Subject

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# A face turned to the lamp keeps about its brightness when the room's light moves into the lamp.
_LAMP = 1.25
# The screen is beside the camera, and a little above.
_SCREEN = np.array([0.0, -0.12, -0.99], np.float32)
FLASH_AT_MM = 700.0


def lamp_direction(subject: Subject) -> Floats:
    """Return the unit vector from the subject to the lamp, camera coordinates."""
    right, up = np.radians(subject.light_from)
    return np.array([np.sin(right) * np.cos(up), -np.sin(up), -np.cos(right) * np.cos(up)], np.float32)


def is_plain(subject: Subject) -> bool:
    """Say whether every surface gets the same light, so that one table does."""
    return subject.light_strength == 0 and subject.flash == (0.0, 0.0, 0.0)


def overall(subject: Subject) -> tuple[float, float, float]:
    """Return exposure and cast as a gain, blue green red."""
    red, green, blue = subject.cast
    return blue * subject.exposure, green * subject.exposure, red * subject.exposure


def shade(pixels: Pixels, normals: Floats, subject: Subject, distance_mm: float) -> Pixels:
    """Light albedo (BGR codes) whose unit normals are given at a coarser step (h x w x 3)."""
    if is_plain(subject):
        return gained(pixels, overall(subject))
    size = (pixels.shape[1], pixels.shape[0])
    gain = cv2.resize(_gain(normals, subject, distance_mm), size, interpolation=cv2.INTER_LINEAR)
    light = to_linear(pixels)
    return to_codes(np.asarray(cv2.multiply(light, gain), np.float32))


def shade_flat(pixels: Pixels, subject: Subject, distance_mm: float, normal: tuple[float, float, float]) -> Pixels:
    """Light a plane: one gain, one table."""
    gain = _gain(np.array(normal, np.float32).reshape(1, 1, 3), subject, distance_mm)[0, 0]
    return gained(pixels, (float(gain[0]), float(gain[1]), float(gain[2])))


def _gain(normals: Floats, subject: Subject, distance_mm: float) -> Floats:
    """Return the gain per point, blue green red."""
    room = np.full(normals.shape[:2], 1 - subject.light_strength, np.float32)
    if subject.light_strength > 0:
        room += subject.light_strength * _LAMP * np.maximum(normals @ lamp_direction(subject), 0)
    gain = np.repeat(room[..., None], 3, axis=2)
    if subject.flash != (0.0, 0.0, 0.0):
        screen = np.maximum(normals @ _SCREEN, 0) * (FLASH_AT_MM / distance_mm) ** 2
        gain += screen[..., None] * np.array(subject.flash[::-1], np.float32)
    return np.asarray(gain * np.array(overall(subject), np.float32), np.float32)
