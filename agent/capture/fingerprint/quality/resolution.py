"""Bring a reader's picture to 500 x 500 ppi, which the measures and the records are defined for."""

from __future__ import annotations

import cv2
import numpy as np

from agent.capture.fingerprint.quality.errors import WrongResolution
from agent.capture.fingerprint.quality.picture import PPI, check_pixels
from agent.devices.seams import Pixels

# ISO/IEC 19794-4 knows readers from 125 to 1000 ppi; below 250 no ridge is resolved.
MIN_PPI, MAX_PPI = 250.0, 1200.0
# Below this factor pixels are averaged, as a cubic would let fine patterns fold over into ridges.
AVERAGE_BELOW = 0.8


def resample(image: Pixels, x_ppi: float, y_ppi: float) -> Pixels:
    """Return `image` (height x width, 8-bit grey) at 500 ppi both ways; the picture itself if it is there already.

    The sides become round(side * 500 / ppi). Cubic interpolation, which keeps thin ridges crisp near a factor of 1;
    averaging over the covered pixels (INTER_AREA) if either side shrinks below 0.8. Raises WrongResolution for values
    outside 250..1200 ppi, WrongPixels, PrintTooSmall or PrintTooLarge.
    """
    if not all(MIN_PPI <= ppi <= MAX_PPI for ppi in (x_ppi, y_ppi)):
        raise WrongResolution(f"{x_ppi} x {y_ppi} ppi, {MIN_PPI:.0f} to {MAX_PPI:.0f} are possible")
    check_pixels(image)
    if x_ppi == PPI and y_ppi == PPI:
        return image
    factors = PPI / x_ppi, PPI / y_ppi
    width, height = round(image.shape[1] * factors[0]), round(image.shape[0] * factors[1])
    method = cv2.INTER_AREA if min(factors) < AVERAGE_BELOW else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
