"""Sums over the 32 x 32 blocks of a print: greys, squares of greys, and products of gradients.

All sums are integers, so that they are exact whatever the order of summing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.quality.picture import Flags, Floats
from agent.devices.seams import Pixels

BLOCK = 32
# A block belongs to the print when its deviation is above this share of the whole picture's.
FOREGROUND_FROM = 0.1

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BlockGradients:
    """Means over each block of gx^2 (`a`), gy^2 (`b`) and gx*gy (`c`): the covariance [[a, c], [c, b]]."""

    a: Floats = field(repr=False)
    b: Floats = field(repr=False)
    c: Floats = field(repr=False)

    @property
    def spread(self) -> Floats:
        """Difference of the eigenvalues, sqrt((a - b)^2 + 4 c^2)."""
        return np.asarray(np.sqrt((self.a - self.b) ** 2 + 4 * self.c**2))

    @property
    def coherence(self) -> Floats:
        """Length of the summed squared gradients over the sum of their lengths, 0..1; 0 where nothing changes."""
        energy = self.a + self.b
        return np.divide(self.spread, energy, out=np.zeros_like(energy), where=energy > 0)

    @property
    def orientation(self) -> Floats:
        """Angle across the ridges as NFIQ 2 takes it, 1/2 atan2(c, a - b), in radians (c, not 2c)."""
        return np.asarray(np.arctan2(self.c, self.a - self.b) / 2)

    @property
    def ridge_flow(self) -> Floats:
        """True angle along the ridges, 0..pi from the x axis with y downwards, in radians."""
        return np.asarray(np.arctan2(2 * self.c, self.a - self.b) / 2 + np.pi / 2)


def block_gradients(image: Pixels) -> BlockGradients:
    """Return the gradient means of each block from the top left corner, the partial ones at the edges included.

    Gradients are central differences, one-sided at the first and last pixel of each block.
    """
    grey = image.astype(np.int32)
    across, down = _doubled_differences(grey), _doubled_differences(grey.T).T
    # Twice the gradient, so four times the product.
    scale = 4.0 * block_sizes(image)
    a, b, c = (block_sums(product) / scale for product in (across * across, down * down, across * down))
    return BlockGradients(a, b, c)


def block_sums(values: NDArray[np.int32]) -> Integers:
    """Return the sum of each block, partial blocks included: ceil(height / 32) x ceil(width / 32).

    32 of the values together must fit into 32 bits.
    """
    height, width = values.shape
    by_rows = np.add.reduceat(values, np.arange(0, height, BLOCK), axis=0, dtype=np.int32)
    return np.asarray(np.add.reduceat(by_rows, np.arange(0, width, BLOCK), axis=1, dtype=np.int64))


def block_sizes(image: Pixels) -> Integers:
    """Return how many pixels each block has: 1024, fewer at the right and lower edge."""
    rows, columns = (np.diff(np.append(np.arange(0, side, BLOCK), side)) for side in image.shape)
    return np.asarray(np.outer(rows, columns), np.int64)


def foreground(image: Pixels) -> Flags:
    """Say which blocks deviate enough to be print (partial blocks included)."""
    grey, sizes = image.astype(np.int32), block_sizes(image)
    mean = block_sums(grey) / sizes
    variance = block_sums(grey * grey) / sizes - mean**2
    whole = float(image.std())
    return np.asarray(
        np.sqrt(np.maximum(variance, 0)) > FOREGROUND_FROM * whole if whole else np.zeros(sizes.shape, bool)
    )


def _doubled_differences(grey: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return twice the gradient along each row, block by block; 0 in a partial block one pixel wide."""
    doubled = np.zeros_like(grey)
    doubled[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    seconds, lasts = grey[:, 1::BLOCK], grey[:, BLOCK - 1 :: BLOCK]
    doubled[:, ::BLOCK][:, : seconds.shape[1]] = 2 * (seconds - grey[:, ::BLOCK][:, : seconds.shape[1]])
    doubled[:, BLOCK - 1 :: BLOCK] = 2 * (lasts - grey[:, BLOCK - 2 :: BLOCK][:, : lasts.shape[1]])
    if grey.shape[1] % BLOCK > 1:
        doubled[:, -1] = 2 * (grey[:, -1] - grey[:, -2])
    return doubled
