"""Where one print may lie on another: the turns and shifts at which their ridges agree best as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.matching.ridges import SIDE, Matrix, RidgeMap, turn

# Degrees; people turn a finger by 10 or so, and both prints may be turned.
TURNS = range(-30, 31, 3)
# Fewer common pixels at 250 ppi (about a fifth of a square centimetre) say nothing.
MIN_OVERLAP = 4000
# From here on more overlap is not worth more.
_PLENTY = 12000
_PEAKS = 2
_APART = 5

Spectrum = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, slots=True)
class Placement:
    """A turn (degrees) and a shift (pixels at 250 ppi) of the second print, and how well it fits as a whole, -1..1."""

    fit: float
    degrees: int
    right: int
    down: int

    @property
    def matrix(self) -> Matrix:
        """The affine matrix from the second print to the first."""
        return turn(self.degrees, self.right, self.down)


def placements(first: RidgeMap, second: RidgeMap) -> list[Placement]:
    """Return placements of the second print on the first, the best fitting first; none where both hardly overlap."""
    ridges, mask = np.fft.rfft2(first.ridges), np.fft.rfft2(first.mask)
    found = [one for degrees in TURNS for one in _peaks(ridges, mask, second.turned(degrees), degrees)]
    return sorted(found, key=lambda one: one.fit, reverse=True)


def _peaks(ridges: Spectrum, mask: Spectrum, turned: RidgeMap, degrees: int) -> Iterator[Placement]:
    """Correlate by Fourier transform; the ridges are equally strong everywhere, so overlap is all that scales it."""
    overlap = np.fft.irfft2(mask * np.conj(np.fft.rfft2(turned.mask)), (SIDE, SIDE))
    product = np.fft.irfft2(ridges * np.conj(np.fft.rfft2(turned.ridges)), (SIDE, SIDE))
    common = np.maximum(overlap, MIN_OVERLAP)
    fit = np.where(overlap > MIN_OVERLAP, product / common * np.minimum(1, np.sqrt(common / _PLENTY)), -1.0)
    for _ in range(_PEAKS):
        down, right = (int(at) for at in np.unravel_index(int(np.argmax(fit)), fit.shape))
        if fit[down, right] <= 0:
            return
        yield Placement(float(fit[down, right]), degrees, _signed(right), _signed(down))
        fit[max(0, down - _APART) : down + _APART + 1, max(0, right - _APART) : right + _APART + 1] = -1


def _signed(shift: int) -> int:
    return shift if shift < SIDE // 2 else shift - SIDE
