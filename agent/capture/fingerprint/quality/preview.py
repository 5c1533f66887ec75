"""A quick judgement of a preview frame: is a finger there, where, and how clear. For guidance, never for the record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.capture.fingerprint.quality.blocks import block_gradients, block_sizes, block_sums
from agent.capture.fingerprint.quality.picture import check_pixels
from agent.devices.seams import Pixels

# A block is finger when its greys deviate by this much; an empty reader's noise stays below.
CONTRAST_FROM = 8.0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a frame shows.

    `foreground` is the share of the frame that is finger, 0..1. `centre_x` and `centre_y` say where its middle lies:
    -1 left or upper edge, 0 middle, 1 right or lower edge. Over the finger only: `contrast` the mean deviation of the
    blocks and `mean` the mean grey (both 0..255; dark is wet or pressed hard), `coherence` the ridges' clarity of
    direction, 0..1. Without a finger all but `foreground` are None.
    """

    foreground: float
    centre_x: float | None = None
    centre_y: float | None = None
    contrast: float | None = None
    mean: float | None = None
    coherence: float | None = None


def judge_preview(image: Pixels) -> Preview:
    """Judge one frame (height x width, 8-bit grey); raise WrongPixels, PrintTooSmall or PrintTooLarge."""
    check_pixels(image)
    grey, sizes = image.astype(np.int32), block_sizes(image)
    mean = block_sums(grey) / sizes
    deviation = np.sqrt(np.maximum(block_sums(grey * grey) / sizes - mean**2, 0))
    finger = deviation > CONTRAST_FROM
    area = np.where(finger, sizes, 0)
    total = int(area.sum())
    if total == 0:
        return Preview(0.0)
    places = [(np.arange(count) + 0.5) / count * 2 - 1 for count in finger.shape]
    return Preview(
        foreground=total / image.size,
        centre_x=float(area.sum(axis=0) @ places[1]) / total,
        centre_y=float(area.sum(axis=1) @ places[0]) / total,
        contrast=float((deviation * area).sum()) / total,
        mean=float((mean * area).sum()) / total,
        coherence=float((block_gradients(image).coherence * area).sum()) / total,
    )
