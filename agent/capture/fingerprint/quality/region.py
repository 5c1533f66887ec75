"""The region of interest: the one connected area of the picture that is finger (ImgProcROI of NFIQ 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.quality.blocks import block_sums
from agent.capture.fingerprint.quality.picture import Flags
from agent.devices.seams import Pixels

EROSION, FIRST_BLUR, SECOND_BLUR = 5, 41, 91


@dataclass(frozen=True, slots=True)
class Region:
    """`mask` is True on the finger (height x width); `blocks` are the 32 x 32 blocks that hold any of it."""

    mask: Flags = field(repr=False)
    blocks: Flags = field(repr=False)

    @property
    def area(self) -> int:
        """Pixels in the region."""
        return int(np.count_nonzero(self.mask))


def region_of_interest(image: Pixels) -> Region:
    """Find the finger in a trimmed picture: erode, blur, Otsu, blur, Otsu, fill holes, keep the largest box."""
    eroded = np.asarray(cv2.erode(image, np.ones((EROSION, EROSION), np.uint8)), np.uint8)
    dark = cv2.bitwise_not(_otsu(_otsu(eroded, FIRST_BLUR), SECOND_BLUR))
    mask = _largest(_filled(np.asarray(dark, np.uint8)))
    return Region(mask, block_sums(mask.astype(np.int32)) > 0)


def gaussian_blur(image: Pixels, size: int) -> Pixels:
    """Return what cv2.GaussianBlur(image, (size, size), 0) returns, bit for bit, at a fifth of the time for 91.

    OpenCV blurs 8-bit pictures with weights in 256ths and rounds once, at the end. The same sums in float32 stay below
    2^24, hence are exact, and the general filter is faster with them.
    """
    weights = _weights(size)
    sums = cv2.sepFilter2D(image, cv2.CV_32F, weights, weights, delta=1 << 15)
    return np.asarray(sums * np.float32(1 / (1 << 16)), np.uint8)


@cache
def _weights(size: int) -> NDArray[np.float32]:
    """Return the Gaussian in whole 256ths, each rounding error carried over to the next weight inwards."""
    exact = cv2.getGaussianKernel(size, 0).ravel() * 256
    weights, carried = np.zeros(size), 0.0
    for place in range(size // 2):
        wanted = exact[place] + carried
        weights[place] = weights[-1 - place] = np.rint(wanted)
        carried = wanted - weights[place]
    weights[size // 2] = 256 - weights.sum()
    return weights.astype(np.float32)


def _otsu(image: Pixels, blur: int) -> Pixels:
    _, binary = cv2.threshold(gaussian_blur(image, blur), 0, 255, cv2.THRESH_OTSU)
    return np.asarray(binary, np.uint8)


def _filled(dark: Pixels) -> Pixels:
    """Close every hole: light areas that do not reach the picture's edge."""
    framed = cv2.copyMakeBorder(dark, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(framed, None, (0, 0), 1)
    return np.asarray(framed[1:-1, 1:-1] != 1, np.uint8)


def _largest(dark: Pixels) -> Flags:
    """Keep the area (4-connected) with the largest bounding box."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    if count < 2:
        return np.zeros(dark.shape, bool)
    boxes = statistics[1:, cv2.CC_STAT_WIDTH] * statistics[1:, cv2.CC_STAT_HEIGHT]
    return np.asarray(labels == 1 + int(np.argmax(boxes)))
