"""The picture of one print: what is accepted, and the near-white frame cut off before anything is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.quality.errors import BlankPrint, PrintTooLarge, PrintTooSmall, WrongPixels
from agent.devices.seams import Pixels

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PPI = 500
# A row or column is frame while its mean is above this.
NEAR_WHITE = 250.0
# The largest print after trimming, as in NFIQ 2; before it, nothing a flat-bed of four fingers would not reach.
MAX_WIDTH, MAX_HEIGHT, MAX_UNTRIMMED = 800, 1000, 4096
# One slanted block with its border.
MIN_SIDE = 36


def trimmed(image: Pixels) -> Pixels:
    """Return the view of `image` (height x width, 8-bit grey, 500 ppi) without its near-white frame.

    Raises WrongPixels, PrintTooLarge, PrintTooSmall, or BlankPrint when every row is near white.
    """
    check_pixels(image)
    rows, columns = _inked(image.mean(axis=1)), _inked(image.mean(axis=0))
    if rows is None or columns is None:
        raise BlankPrint(f"no row or no column is darker than {NEAR_WHITE:.0f} on average")
    print_only = image[rows, columns]
    height, width = print_only.shape
    if width > MAX_WIDTH or height > MAX_HEIGHT:
        raise PrintTooLarge(f"{width}x{height} after trimming, limit {MAX_WIDTH}x{MAX_HEIGHT}")
    if min(height, width) < MIN_SIDE:
        raise PrintTooSmall(f"{width}x{height} after trimming, at least {MIN_SIDE}x{MIN_SIDE} is needed")
    return print_only


def check_pixels(image: Pixels) -> None:
    """Raise WrongPixels unless `image` is height x width of uint8, PrintTooSmall or PrintTooLarge by its sides."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 2:
        shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", type(image).__name__)
        raise WrongPixels(f"shape {shape}, type {dtype}; height x width of uint8 is needed")
    height, width = image.shape
    if min(height, width) < MIN_SIDE:
        raise PrintTooSmall(f"{width}x{height}, at least {MIN_SIDE}x{MIN_SIDE} is needed")
    if max(height, width) > MAX_UNTRIMMED:
        raise PrintTooLarge(f"{width}x{height}, limit {MAX_UNTRIMMED} a side")


def _inked(means: Floats) -> slice | None:
    """Return the span from the first to the last mean that is not near white."""
    inked = np.flatnonzero(means <= NEAR_WHITE)
    if inked.size == 0:
        return None
    return slice(int(inked[0]), int(inked[-1]) + 1)
