"""What is wrong with a preview frame, if anything: the one thing that helps most."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np

from agent.capture.fingerprint.policy import FingerprintPolicy, PreviewLimits
from agent.capture.fingerprint.quality import Preview
from agent.capture.fingerprint.quality.picture import PPI
from agent.devices.seams import FingerImage

# Below this share of the frame there is dirt, but no finger.
SOME_FINGER = 0.03
# Frames are compared at half their size: noise averages out, ridges do not.
HALF = 0.5


class Advice(StrEnum):
    """What the person should do. WET and DRY are said when LIGHTER and HARDER did not help."""

    HARDER = "harder"
    LIGHTER = "lighter"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    FLAT = "flat"
    WIPE = "wipe"
    STILL = "still"
    WET = "wet"
    DRY = "dry"
    AGAIN = "again"


def advise(image: FingerImage, seen: Preview, policy: FingerprintPolicy) -> Advice | None:
    """Return what to do about this frame; None when it may be kept."""
    limits = policy.preview
    if seen.foreground < SOME_FINGER or seen.mean is None or seen.contrast is None or seen.coherence is None:
        return Advice.HARDER
    if area_px(image, seen) < limits.spare_area * policy.limits.min_foreground_px:
        return _towards_the_middle(seen, limits) or Advice.FLAT
    if seen.mean < limits.dark:
        return Advice.LIGHTER
    if seen.mean > limits.light or seen.contrast < limits.faint:
        return Advice.HARDER
    if seen.coherence < limits.clear:
        # Broken ridges look light when the finger is dry, and everything else wants wiping first.
        return Advice.HARDER if seen.mean > limits.unclear_light else Advice.WIPE
    return None


def area_px(image: FingerImage, seen: Preview) -> float:
    """Return the finger's area in pixels at 500 x 500 ppi."""
    return seen.foreground * image.pixels.size * (PPI / image.x_ppi) * (PPI / image.y_ppi)


def change(before: FingerImage, after: FingerImage, contrast: float) -> float:
    """Return how much two frames differ on average, in deviations of the finger's greys; a moved finger is near 1."""
    if before.pixels.shape != after.pixels.shape:
        return float("inf")
    first, second = (
        cv2.resize(one.pixels, None, fx=HALF, fy=HALF, interpolation=cv2.INTER_AREA) for one in (before, after)
    )
    return float(np.mean(cv2.absdiff(first, second))) / max(contrast, 1.0)


def _towards_the_middle(seen: Preview, limits: PreviewLimits) -> Advice | None:
    """Return which way to move. Left and right are the person's, up is away from them."""
    x, y = seen.centre_x or 0.0, seen.centre_y or 0.0
    if max(abs(x), abs(y)) <= limits.off_centre:
        return None
    if abs(x) >= abs(y):
        return Advice.LEFT if x > 0 else Advice.RIGHT
    return Advice.UP if y > 0 else Advice.DOWN
