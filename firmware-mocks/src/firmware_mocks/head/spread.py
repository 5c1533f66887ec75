"""Carrying what is known on to where nothing is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def spread_out(values: NDArray[np.floating] | NDArray[np.uint8], known: NDArray[np.bool_]) -> Floats:
    """Fill what is not known of a picture (height x width x channels) with what is around it, from near to far."""
    result = values.astype(np.float32)
    weight = known.astype(np.float32)
    missing = ~known
    for sigma in (2.0, 4.0, 8.0, 16.0, 32.0):
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        smooth = np.asarray(cv2.GaussianBlur(result * weight[..., None], (0, 0), sigma)).reshape(result.shape)
        now = missing & (share > 0.02)
        result[now] = smooth[now] / share[now, None]
        missing &= ~now
        weight[now] = 1.0
    return result
