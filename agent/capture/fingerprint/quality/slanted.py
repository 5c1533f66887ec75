"""Blocks turned so that their ridges stand upright (or lie), 16 pixels along the ridges and 32 across them.

NFIQ 2 turns them with OpenCV's nearest-neighbour `warpAffine`, in the fixed-point arithmetic of OpenCV up to 4. Later
versions round differently, which moves single pixels and with them the published values, so the arithmetic is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.quality.blocks import BLOCK, block_gradients, foreground
from agent.capture.fingerprint.quality.picture import Flags, Floats
from agent.devices.seams import Pixels

# The window of a block reaches this far beyond it: ceil((ceil(hypot(32, 16)) - 32) / 2).
BORDER = 2
ALONG, ACROSS = 16, 32
WINDOW = BLOCK + 2 * BORDER
# A further border of the same width, where a measure asks for it.
PAD = 2
_FRACTION_BITS = 10


@dataclass(frozen=True, slots=True)
class SlantedBlocks:
    """The blocks from (2, 2): `orientation` in radians and `foreground` as rows x columns; `image` is the print."""

    image: Pixels = field(repr=False)
    orientation: Floats = field(repr=False)
    foreground: Flags = field(repr=False)

    def upright(self) -> Pixels:
        """Return each foreground block with its ridges upright: n x 16 x 32; what lies outside its window is 0."""
        return self._turned(0.0, 0, ALONG, ACROSS)

    def upright_padded(self) -> Pixels:
        """Return the same, turned about the centre of a window that is 2 pixels wider all round."""
        return self._turned(0.0, PAD, ALONG, ACROSS)

    def lying_padded(self) -> Pixels:
        """Return each foreground block with its ridges lying: n x 32 x 16, from the wider window."""
        return self._turned(np.pi / 2, PAD, ACROSS, ALONG)

    def _turned(self, further: float, pad: int, height: int, width: int) -> Pixels:
        """Sample the windows. The cut is central in the narrow window, also when the wide one is turned."""
        tops, lefts = np.nonzero(self.foreground)
        side = WINDOW + 2 * pad
        y, x = (np.arange(WINDOW // 2 - size // 2, WINDOW // 2 + size // 2) for size in (height, width))
        source_x, source_y = _sources(self.orientation[self.foreground] + further, side / 2, x, y)
        inside = (source_x >= 0) & (source_x < side) & (source_y >= 0) & (source_y < side)
        # Windows at the picture's edge reach `pad` pixels into black; all others into their neighbours.
        black = np.pad(self.image, pad)
        at = (tops[:, None, None] * BLOCK + source_y) * black.shape[1] + lefts[:, None, None] * BLOCK + source_x
        return np.asarray(np.where(inside, black.ravel().take(at, mode="clip"), 0), np.uint8)


def slanted_blocks(image: Pixels) -> SlantedBlocks:
    """Return the grid of blocks whose windows fit into `image` (trimmed, at least 36 x 36).

    A block is foreground when all the aligned blocks it touches are.
    """
    rows, columns = ((side - 2 * BORDER) // BLOCK for side in image.shape)
    inner = image[BORDER : BORDER + rows * BLOCK, BORDER : BORDER + columns * BLOCK]
    aligned = foreground(image)
    touched = aligned[:-1, :-1] & aligned[1:, :-1] & aligned[:-1, 1:] & aligned[1:, 1:]
    return SlantedBlocks(image, block_gradients(inner).orientation, touched[:rows, :columns])


def _sources(
    angles: Floats, centre: float, x: NDArray[np.int64], y: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each angle the window's x and y that belong at (x, y) after turning about (centre, centre)."""
    # By way of degrees, as the original does: the last bit counts where a coordinate falls between two pixels.
    turn = np.degrees(angles) * (np.pi / 180)
    cosine, sine = np.cos(turn), np.sin(turn)
    shift_x = (1 - cosine) * centre - sine * centre
    shift_y = sine * centre + (1 - cosine) * centre
    scale = 1 / (cosine * cosine + sine * sine)
    cosine, sine = cosine * scale, sine * scale
    back_x = -cosine * shift_x + sine * shift_y
    back_y = -sine * shift_x - cosine * shift_y
    return _rounded(cosine, x, -sine, y, back_x), _rounded(sine, x, cosine, y, back_y)


def _rounded(
    by_x: Floats, x: NDArray[np.int64], by_y: Floats, y: NDArray[np.int64], shift: Floats
) -> NDArray[np.int64]:
    """Return by_x * x + by_y * y + shift (n x len(y) x len(x)), the summands rounded apart to 10 binary places."""
    one = 1 << _FRACTION_BITS
    columns = np.rint(by_x[:, None] * x * one).astype(np.int64)
    rows = np.rint((by_y[:, None] * y + shift[:, None]) * one).astype(np.int64) + one // 2
    return np.asarray((rows[:, :, None] + columns[:, None, :]) >> _FRACTION_BITS)
