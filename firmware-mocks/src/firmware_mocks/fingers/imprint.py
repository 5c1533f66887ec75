"""Press a finger on glass: from the skin's heights to the reader's greys.

The skin touches where a ridge is higher than the gap that pressure leaves, so ridges get thicker with pressure and
thin out towards the edge of the contact. Water fills the valleys; without it ridges break up into grains.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.fingers.impression import Impression
from firmware_mocks.fingers.landscape import Plane, grid, landscape
from firmware_mocks.fingers.master import HEIGHT, WIDTH, Master

Pixels = NDArray[np.uint8]

# Greys of the empty glass, of skin that comes near it, and of skin that touches.
GLASS, NEAR, TOUCHING = 250.0, 214.0, 58.0
# Half axes of the contact at full coverage and middling pressure.
_HALF_WIDTH, _HALF_HEIGHT = 158.0, 205.0
# The step from touching to not touching, in heights.
_SOFT = 0.24
_OPTICS_PX = 0.7
_OUTSIDE = -1.0
# Roughness of skin that is neither dry nor wet, in heights.
_ROUGH = 0.36


def press(finger: Master, touch: Impression) -> Pixels:
    """Return the picture: touch.height x touch.width, 8-bit grey, dark ridges on light, 500 ppi."""
    random = np.random.default_rng([finger.seed, touch.seed, 3])
    x, y = _skin_under_glass(touch, random)
    edge = _inside(x, y, touch, random)
    contact = _smeared(_contact(finger, touch, x, y, edge, random), touch)
    near = np.clip(edge * 4, 0, 1)
    grey = GLASS - (GLASS - NEAR) * near - (NEAR - TOUCHING) * contact * _darkness(touch, random)
    seen = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _OPTICS_PX)
    noise = touch.noise * random.standard_normal(seen.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(seen + noise), 0, 255), np.uint8)


def _skin_under_glass(touch: Impression, random: np.random.Generator) -> tuple[Plane, Plane]:
    """Return which place of the finger lies under each pixel: moved, turned, and stretched."""
    x, y = grid(touch.height, touch.width)
    right, down = x - touch.width / 2 - touch.right_px, y - touch.height / 2 - touch.down_px
    turn = np.radians(touch.rotation_deg)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    give = [touch.stretch_px * landscape(random, touch.height, touch.width, 130) for _ in range(2)]
    on_x = cos * right + sin * down + WIDTH / 2 + give[0]
    on_y = cos * down - sin * right + HEIGHT / 2 + give[1]
    return np.asarray(on_x, np.float32), np.asarray(on_y, np.float32)


def _inside(x: Plane, y: Plane, touch: Impression, random: np.random.Generator) -> Plane:
    """Return 1 in the middle of the contact, 0 at its edge, less outside."""
    size = (0.80 + 0.40 * touch.pressure) * np.sqrt(max(touch.coverage, 1e-3))
    distance = np.hypot((x - WIDTH / 2) / (_HALF_WIDTH * size), (y - HEIGHT / 2) / (_HALF_HEIGHT * size))
    rough = 0.03 * landscape(random, touch.height, touch.width, 90) + 0.012 * landscape(
        random, touch.height, touch.width, 12
    )
    return np.asarray(1 - (distance + rough) ** 2, np.float32)


def _contact(finger: Master, touch: Impression, x: Plane, y: Plane, edge: Plane, random: np.random.Generator) -> Plane:
    """Return how much the skin touches, 0..1."""
    heights = _seen(finger.ridges, x, y, _OUTSIDE) - 1.5 * _seen(finger.pores, x, y, 0) * (1.1 - touch.moisture)
    if touch.scars:
        heights -= 2.2 * _seen(finger.scars(touch.scars), x, y, 0)
    heights += _grain(touch, random)
    reach = _reach(touch, edge, random)
    touching = 1 / (1 + np.exp(-np.clip((heights - (1 - reach)) / _SOFT, -30, 30)))
    return np.asarray(touching * np.clip(edge * 6, 0, 1), np.float32)


def _reach(touch: Impression, edge: Plane, random: np.random.Generator) -> Plane:
    """Return how deep below the crests the skin touches, in heights: 0 crests only, 2 the valleys' ground too."""
    uneven = 0.13 * landscape(random, touch.height, touch.width, 60) + 0.07 * landscape(
        random, touch.height, touch.width, 14
    )
    wet = max(0.0, touch.moisture - 0.5)
    dry = max(0.0, 0.5 - touch.moisture)
    level = 0.42 + 0.95 * touch.pressure + 1.7 * wet - 0.7 * dry
    puddles = 1.6 * wet * landscape(random, touch.height, touch.width, 40)
    return np.asarray(level * np.sqrt(np.clip(edge * 1.8, 0, 1)) + uneven + puddles, np.float32)


def _grain(touch: Impression, random: np.random.Generator) -> Plane:
    """Return the roughness of the skin: fine on every finger, breaking up the ridges of a dry one."""
    dry = max(0.0, 0.5 - touch.moisture)
    fine = landscape(random, touch.height, touch.width, 2.2)
    coarse = landscape(random, touch.height, touch.width, 6)
    patches = 1 + 0.5 * landscape(random, touch.height, touch.width, 35)
    return np.asarray((_ROUGH + 1.4 * dry * np.clip(patches, 0, 2)) * fine + _ROUGH * 0.6 * coarse, np.float32)


def _darkness(touch: Impression, random: np.random.Generator) -> Plane:
    level = 0.86 + 0.2 * (touch.pressure - 0.5) + 0.25 * (touch.moisture - 0.5)
    return np.asarray(np.clip(level + 0.06 * landscape(random, touch.height, touch.width, 50), 0.2, 1.15), np.float32)


def _smeared(contact: Plane, touch: Impression) -> Plane:
    """Return the contact as the finger slid down the glass."""
    length = round(touch.smear_px)
    if length < 2:
        return contact
    return np.asarray(cv2.blur(contact, (1, length)), np.float32)


def _seen(plane: Plane, x: Plane, y: Plane, outside: float) -> Plane:
    found = cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    return np.asarray(found, np.float32)
