"""The print block by block: what is finger, which way its ridges run, how sure that is; and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from agent.capture.fingerprint.quality.blocks import BLOCK, block_gradients, foreground
from agent.capture.fingerprint.quality.picture import Flags, Floats, check_pixels
from agent.devices.seams import Pixels

# The annotated picture is this much larger, so that a line fits into a block.
SCALE = 2
_TINT = 0.35
_LINE = (255, 96, 0)


@dataclass(frozen=True, slots=True)
class QualityMap:
    """Rows x columns of 32 x 32 blocks from the top left corner, partial ones at the right and lower edge included.

    `ridge_flow` is the angle along the ridges, 0..pi in radians from the x axis, y downwards; `coherence` is 0..1.
    """

    foreground: Flags = field(repr=False)
    ridge_flow: Floats = field(repr=False)
    coherence: Floats = field(repr=False)

    @property
    def one_direction(self) -> float:
        """How much of the print's ridge flow points one way: 0 all ways, 1 one way, as in a smear."""
        weights = self.coherence[self.foreground]
        total = float(weights.sum())
        doubled = np.exp(2j * self.ridge_flow[self.foreground])
        return float(abs((weights * doubled).sum())) / total if total else 0.0


def quality_map(image: Pixels) -> QualityMap:
    """Map a print (height x width, 8-bit grey, 500 ppi); raise WrongPixels, PrintTooSmall or PrintTooLarge."""
    check_pixels(image)
    gradients = block_gradients(image)
    return QualityMap(foreground(image), gradients.ridge_flow, gradients.coherence)


def annotate(image: Pixels) -> Pixels:
    """Return the print twice as large, in BGR: finger blocks tinted from red (no direction) to green, ridge flow drawn.

    What is not finger stays as it was. Raises as `quality_map` does.
    """
    blocks = quality_map(image)
    height, width = (side * SCALE for side in image.shape)
    grey = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST)
    picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    for row, column in np.argwhere(blocks.foreground):
        _draw_block(picture, int(row), int(column), blocks)
    return picture


def _draw_block(picture: Pixels, row: int, column: int, blocks: QualityMap) -> None:
    side = BLOCK * SCALE
    top, left = row * side, column * side
    area = picture[top : top + side, left : left + side]
    sure = float(blocks.coherence[row, column])
    colour = np.array([0, 255 * sure, 255 * (1 - sure)])
    area[:] = np.rint(area * (1 - _TINT) + colour * _TINT).astype(np.uint8)
    middle = np.array([left + area.shape[1] / 2, top + area.shape[0] / 2])
    angle = float(blocks.ridge_flow[row, column])
    reach = np.array([np.cos(angle), np.sin(angle)]) * sure * min(area.shape[:2]) * 0.4
    start, end = ((int(x), int(y)) for x, y in (np.rint(middle - reach), np.rint(middle + reach)))
    cv2.line(picture, start, end, _LINE, 2, cv2.LINE_AA)
