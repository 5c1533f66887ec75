"""Sharpness and motion blur: measures of our own (the standard's forest is not to be had), and named as ours.

One more blur takes most of the gradient energy from a sharp picture and little from a soft one. Seen by direction this
tells motion from defocus: a lens out of focus softens all directions alike, a movement only its own. Thresholds were
found on rendered faces and are provisional, synthetic.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait import formulas
from agent.capture.portrait.alignment import AlignedFace
from agent.capture.portrait.measures import Measure
from agent.devices.seams import Pixels

SHARPNESS, MOTION = "kiosk_sharpness", "kiosk_motion_blur"
BLUR_PX = 1.5
# Sensor noise is sharp, too: a light smoothing before measuring takes most of it away.
DENOISE_PX = 0.8
_EDGE = np.ones((9, 9), np.uint8)


def measure_sharpness(face: AlignedFace) -> list[Measure]:
    """Return sharpness, 0 (soft) .. 1 (sharp), and motion blur, 0 (all directions alike) .. 1 (one has no detail).

    Sharpness is the share of the face's gradient energy that one more blur of 1.5 px takes away; motion blur is one
    minus the smallest share over the largest one, over all directions.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(face.pixels, cv2.COLOR_BGR2GRAY), (0, 0), DENOISE_PX)
    soft = cv2.GaussianBlur(grey, (0, 0), BLUR_PX)
    inside = np.asarray(cv2.erode(face.mask, _EDGE), np.uint8)
    # All bits of a 16-bit gradient, or none: cutting out beforehand costs a fifth of sums under a mask.
    inside_16 = inside.astype(np.int8).astype(np.int16)
    before, after = (_energies(np.asarray(one, np.uint8), inside_16) for one in (grey, soft))
    if before[0, 0] <= 0 or before[1, 1] <= 0:
        reason = "the face has no detail at all"
        return [Measure(SHARPNESS, 0.0, "share", 0), Measure(MOTION, None, reason=reason)]
    share = 1 - float(np.trace(after) / np.trace(before))
    motion = _anisotropy(before, after)
    return [
        Measure(SHARPNESS, share, "share", formulas.clip(200 * share)),
        Measure(MOTION, motion, "share", formulas.clip(100 * (1 - motion))),
    ]


def _anisotropy(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    # Energy along a direction u is u' E u, so the shares that are left over lie between the eigenvalues of
    # before^-1 after.
    left = np.linalg.eigvals(np.linalg.solve(before + np.eye(2) * 1e-6 * np.trace(before), after)).real
    taken = np.clip(1 - left, 1e-6, 1)
    return float(1 - taken.min() / taken.max())


def _energies(grey: Pixels, inside: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the sums of gradient products, [[xx, xy], [xy, yy]], where the mask is -1 and not 0."""
    across, down = (cv2.bitwise_and(cv2.Sobel(grey, cv2.CV_16S, *order), inside) for order in ((1, 0), (0, 1)))
    xx, yy, both = (cv2.norm(one, cv2.NORM_L2SQR) for one in (across, down, cv2.add(across, down)))
    xy = (both - xx - yy) / 2
    return np.array([[xx, xy], [xy, yy]], np.float64)
