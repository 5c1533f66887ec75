"""Glasses: frames drawn over the eyes where the landmarks are, and the glare of a lamp on them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.source import LEFT_EYE_INNER, LEFT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_EYE_OUTER
from firmware_mocks.head.subject import Subject

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_FRAME = (38, 34, 32)
_BITS = 4
# Per eye: outer and inner corner, brow and cheek points that say where up is, and the temple the arm runs to.
_EYES = ((RIGHT_EYE_OUTER, RIGHT_EYE_INNER, 159, 119, 127), (LEFT_EYE_OUTER, LEFT_EYE_INNER, 386, 348, 356))
_BRIDGE = 168


def draw(pixels: Pixels, points: Floats, subject: Subject) -> None:
    """Draw glasses into a picture, in place."""
    width = float(np.linalg.norm(points[RIGHT_EYE_OUTER] - points[RIGHT_EYE_INNER]))
    thick = max(1, round(0.07 * width))
    lenses = [_lens(points, *eye[:4]) for eye in _EYES]
    for lens, eye in zip(lenses, _EYES, strict=True):
        cv2.polylines(pixels, [_fixed(lens)], True, _FRAME, thick, cv2.LINE_AA, _BITS)
        temple = points[eye[4]]
        if cv2.pointPolygonTest(lens.reshape(-1, 1, 2), (float(temple[0]), float(temple[1])), measureDist=False) < 0:
            arm = np.array([lens[np.argmin(np.linalg.norm(lens - temple, axis=1))], temple])
            cv2.polylines(pixels, [_fixed(arm)], False, _FRAME, thick, cv2.LINE_AA, _BITS)
    inner = [lens[np.argmin(np.linalg.norm(lens - points[_BRIDGE], axis=1))] for lens in lenses]
    cv2.polylines(pixels, [_fixed(np.array(inner))], False, _FRAME, thick, cv2.LINE_AA, _BITS)
    if subject.glare > 0:
        _glare(pixels, lenses, subject.glare)


def _lens(points: Floats, outer: int, inner: int, lid: int, cheek: int) -> Floats:
    """Return a rounded rectangle around an eye, in the plane of the eye as it is turned."""
    across = (points[outer] - points[inner]) * 0.88
    down = points[cheek] - points[lid]
    down = down * (0.95 * np.linalg.norm(points[outer] - points[inner]) * 0.75 / max(float(np.linalg.norm(down)), 1e-6))
    middle = (points[outer] + points[inner]) / 2 + down * 0.15
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x, y = (np.sign(f(angle)) * np.abs(f(angle)) ** 0.55 for f in (np.cos, np.sin))
    return np.asarray(middle + x[:, None] * across + y[:, None] * down, np.float32)


def _glare(pixels: Pixels, lenses: list[Floats], strength: float) -> None:
    """Lay a window's reflection over each lens: a slanted bright patch, softly edged."""
    mask = np.zeros(pixels.shape[:2], np.float32)
    for lens in lenses:
        middle, size = lens.mean(axis=0), np.ptp(lens, axis=0)
        cut = (lens - middle) * (0.35 + 0.6 * strength) + middle + size * np.array([0.12, -0.10])
        cut[:, 0] += (middle[1] - cut[:, 1]) * 0.35
        inside = np.zeros_like(mask)
        cv2.fillPoly(inside, [_fixed(cut.astype(np.float32))], 1.0, cv2.LINE_8, _BITS)
        whole = np.zeros_like(mask)
        cv2.fillPoly(whole, [_fixed(lens)], 1.0, cv2.LINE_8, _BITS)
        mask = np.maximum(mask, inside * whole)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None] * min(1.0, 0.35 + 0.65 * strength)
    pixels[:] = np.asarray(pixels + (253.0 - pixels) * soft, np.uint8)


def _fixed(points: Floats) -> NDArray[np.int32]:
    return np.rint(points * (1 << _BITS)).astype(np.int32)
