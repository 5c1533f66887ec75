"""The profile across upright ridges: which columns are ridge, where ridges end, and how wide the runs are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.quality.picture import Flags, Floats
from agent.devices.seams import Pixels


@dataclass(frozen=True, slots=True)
class Profile:
    """Of n upright blocks: the straight line fitted to the column means (`trend`, n x 32) and the columns below it."""

    trend: Floats = field(repr=False)
    ridge: Flags = field(repr=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """Where ridge turns to valley or back, block by block from left to right.

    `block` and `column` say where the new run begins; `number` counts a block's changes from 0.
    """

    block: NDArray[np.int64] = field(repr=False)
    column: NDArray[np.int64] = field(repr=False)
    number: NDArray[np.int64] = field(repr=False)


def profile(blocks: Pixels) -> Profile:
    """Fit the trend of n x 16 x 32 upright blocks; a column darker than its trend is ridge."""
    means = blocks.mean(axis=1)
    x = np.arange(1, means.shape[1] + 1) - (means.shape[1] + 1) / 2
    slope = (means * x).sum(axis=1) / (x * x).sum()
    intercept = means.mean(axis=1) - slope * (means.shape[1] + 1) / 2
    # NFIQ 2 rounds the line to ten places, so that a flat block gives the same answer everywhere.
    slope, intercept = np.round(slope, 10), np.round(intercept, 10)
    trend = np.arange(1, means.shape[1] + 1) * slope[:, None] + intercept[:, None]
    return Profile(trend, means < trend)


def changes(ridge: Flags) -> Changes:
    """Find the changes in n rows of ridge flags."""
    block, before = np.nonzero(ridge[:, 1:] != ridge[:, :-1])
    first = np.searchsorted(block, block)
    return Changes(block, before + 1, np.arange(block.size) - first)
