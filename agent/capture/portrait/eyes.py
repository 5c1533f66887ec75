"""The eyes as the camera sees them: closed lids, glare on glasses, red pupils. Measures of our own, named as ours.

The landmarks keep the lids apart even on closed eyes, so `eyes_open` alone is no proof of open eyes: an open eye has
white, iris and pupil, and so far more contrast than a lid. The thresholds were found on rendered and painted faces and
are provisional, synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agent.capture.portrait import formulas
from agent.capture.portrait.alignment import AlignedFace, cheeks
from agent.capture.portrait.face import LEFT_EYE_RING, RIGHT_EYE_RING, Points
from agent.capture.portrait.measures import Measure
from agent.devices.seams import Pixels

CONTRAST, GLARE, RED = "kiosk_eye_contrast", "kiosk_glasses_glare", "kiosk_red_eye"
# All channels at least so bright: a reflection. Skin and the white of the eye are darker in a picture well exposed.
GLARE_FROM = 245
# Half the size of the zone that a lens covers, and the radius of an iris, in inter-eye distances (63 mm).
LENS_ACROSS, LENS_DOWN, IRIS_RADIUS = 0.36, 0.26, 0.09
# Red is so many times the stronger one of green and blue: skin stays below 1.7.
RED_FROM, RED_TIMES = 60, 2.0
# Lashes lie along the lids' edges and would give a closed eye contrast.
_LASHES = np.ones((5, 5), np.uint8)


def measure_eyes(face: AlignedFace) -> list[Measure]:
    """Return eye contrast, glare and red eye; not assessed when an eye lies outside the picture."""
    apart = float(np.linalg.norm(face.left_eye - face.right_eye))
    both = zip((RIGHT_EYE_RING, LEFT_EYE_RING), cheeks(face), strict=True)
    eyes = [eye for ring, cheek in both if (eye := _Eye.of(face, ring, cheek, apart)) is not None]
    if len(eyes) < 2:
        reason = "an eye or a cheek is outside the picture"
        return [Measure(name, None, reason=reason) for name in (CONTRAST, GLARE, RED)]
    contrast = min(eye.contrast for eye in eyes)
    glare, red = max(eye.glare for eye in eyes), max(eye.red for eye in eyes)
    return [
        Measure(CONTRAST, contrast, "of cheek", formulas.clip(250 * contrast)),
        Measure(GLARE, glare, "share", formulas.clip(100 * (1 - 10 * glare))),
        Measure(RED, red, "share", formulas.clip(100 * (1 - 4 * red))),
    ]


@dataclass(frozen=True, slots=True)
class _Eye:
    """One eye: standard deviation between the lids over the grey of the cheek below, shares of glare and of red."""

    contrast: float
    glare: float
    red: float

    @classmethod
    def of(cls, face: AlignedFace, ring: tuple[int, ...], cheek: Pixels, apart: float) -> _Eye | None:
        """Measure the eye inside a ring of landmarks; None when it is not in the picture."""
        points = face.points[list(ring)]
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        zone, origin = _zone(face.pixels, centre, apart)
        if min(zone.shape[:2]) < 4 or not cheek.size:
            return None
        between = np.zeros(zone.shape[:2], np.uint8)
        cv2.fillPoly(between, [np.rint(points - origin).astype(np.int32)], (255,))
        iris = _around(zone, centre - origin, IRIS_RADIUS * apart)
        if not (between.any() and iris.size):
            return None
        # A narrow eye would have nothing left: then the lashes have to count.
        inner = np.asarray(cv2.erode(between, _LASHES), np.uint8)
        _, deviation = cv2.meanStdDev(_grey(zone), mask=inner if inner.any() else between)
        contrast = float(deviation[0, 0]) / max(1.0, float(_grey(cheek).mean()))
        bright = cv2.inRange(zone, (GLARE_FROM,) * 3, (255,) * 3)
        return cls(contrast, cv2.countNonZero(bright) / bright.size, float(_is_red(iris).mean()))


def _zone(pixels: Pixels, centre: Points, apart: float) -> tuple[Pixels, Points]:
    """Return what a lens before the eye would cover, and its upper left corner."""
    size = np.array((LENS_ACROSS, LENS_DOWN)) * apart
    low = np.clip(np.rint(centre - size), 0, (pixels.shape[1], pixels.shape[0])).astype(int)
    high = np.clip(np.rint(centre + size), 0, (pixels.shape[1], pixels.shape[0])).astype(int)
    return pixels[low[1] : high[1], low[0] : high[0]], low


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _around(zone: Pixels, centre: Points, radius: float) -> Pixels:
    """Return the square around an iris."""
    x, y = (max(0, round(float(value) - radius)) for value in centre)
    side = max(1, round(2 * radius))
    return zone[y : y + side, x : x + side]


def _is_red(iris: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    red, others = iris[..., 2], iris[..., :2].max(axis=2)
    return np.asarray((red >= RED_FROM) & (red >= RED_TIMES * others), np.bool_)
