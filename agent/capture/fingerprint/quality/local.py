"""The measures of single blocks: clarity, frequency, ridge-valley uniformity, orientation certainty and flow.

Names and definitions are those of NFIQ 2 (ISO/IEC 29794-4). Each function returns the values of all blocks that count.
"""

from __future__ import annotations

import numpy as np

from agent.capture.fingerprint.quality.blocks import BLOCK, BlockGradients
from agent.capture.fingerprint.quality.picture import Floats
from agent.capture.fingerprint.quality.profile import Changes, Profile, changes, profile
from agent.capture.fingerprint.quality.slanted import SlantedBlocks
from agent.devices.seams import Pixels

# Widths in pixels at 500 ppi that a ridge and a valley may have on average, and what they are divided by.
RIDGE_WIDTHS, VALLEY_WIDTHS, WIDTH_SCALE = (3.0, 10.0), (2.0, 10.0), 20.0
# Flow: neighbours may differ by this much before it counts, in radians.
FREE_TURN = np.radians(4.0)


def orientation_certainty(gradients: BlockGradients, height: int, width: int) -> Floats:
    """OCL of every full block with any gradient: 1 - smaller / larger eigenvalue; 1 is one direction only."""
    full = np.s_[: height // BLOCK, : width // BLOCK]
    energy, spread = (gradients.a + gradients.b)[full].ravel(), gradients.spread[full].ravel()
    any_change = energy + spread > 0
    energy, spread = energy[any_change], spread[any_change]
    return np.asarray(1 - (energy - spread) / (energy + spread))


def frequency(lying: Pixels) -> Floats:
    """FDA of n x 32 x 16 lying blocks: share of the strongest wave, with 0.3 of its neighbours, in the first 15.

    1 where the strongest wave is the longest one.
    """
    strength = np.abs(np.fft.rfft(lying.mean(axis=2), axis=1))[:, 1:]
    block, peak = np.arange(len(strength)), np.argmax(strength, axis=1)
    # The spectrum is symmetric: beyond wave 16 comes wave 15 again.
    beyond = np.where(peak + 1 < strength.shape[1], peak + 1, peak - 1)
    near = strength[block, peak] + 0.3 * (strength[block, peak - 1] + strength[block, beyond])
    total = strength[:, :-1].sum(axis=1)
    share = np.divide(near, total, out=np.ones_like(near), where=total > 0)
    return np.where(peak == 0, 1.0, share)


def clarity(upright: Pixels) -> Floats:
    """LCS of n x 16 x 32 upright blocks: 1 - mean share of pixels on the wrong side of the trend.

    0 where ridges or valleys are, on average, narrower or wider than a finger's.
    """
    shape = profile(upright)
    ridge, trend = shape.ridge[:, None, :], shape.trend[:, None, :]
    wrong = np.where(ridge, upright >= trend, upright < trend).sum(axis=1)
    ridges = np.maximum(shape.ridge.sum(axis=1), 1)
    valleys = np.maximum((~shape.ridge).sum(axis=1), 1)
    rows = upright.shape[1]
    on_ridges = np.where(shape.ridge, wrong, 0).sum(axis=1) / (ridges * rows)
    in_valleys = np.where(shape.ridge, 0, wrong).sum(axis=1) / (valleys * rows)
    return np.where(_finger_like(shape), 1 - (in_valleys + on_ridges) / 2, 0.0)


def ridge_valley_ratios(upright: Pixels) -> Floats:
    """RVUP: all ratios of neighbouring complete runs in n x 16 x 32 upright blocks.

    As in NFIQ 2, a block's last column makes no change, its first complete run is left out, and whether a ratio is
    turned over depends on its place counted from the right and on what the first complete run is.
    """
    ridge = profile(upright).ridge
    found = changes(ridge[:, :-1])
    runs_end = np.flatnonzero(found.number >= 3)
    block, column = found.block[runs_end], found.column
    later = column[runs_end] - column[runs_end - 1]
    earlier = column[runs_end - 1] - column[runs_end - 2]
    from_right = np.bincount(found.block, minlength=len(ridge))[block] - 1 - found.number[runs_end]
    first_run_is_ridge = ridge[block, column[runs_end - found.number[runs_end]]]
    ratio = later / earlier
    return np.asarray(np.where(from_right % 2 == first_run_is_ridge, 1 / ratio, ratio))


def orientation_flow(blocks: SlantedBlocks) -> Floats:
    """OF of the blocks whose eight neighbours are all foreground: mean turn to them beyond 4 degrees, over 86."""
    rows, columns = blocks.orientation.shape
    angle, known = np.pad(blocks.orientation, 1), np.pad(blocks.foreground, 1)
    turn, surrounded = np.zeros((rows, columns)), np.ones((rows, columns), bool)
    for down in range(3):
        for right in range(3):
            around = np.s_[down : down + rows, right : right + columns]
            turn += np.abs(blocks.orientation - angle[around])
            surrounded &= known[around]
    turn /= 8
    return np.asarray((turn[surrounded & (turn > FREE_TURN)] - FREE_TURN) / (np.pi / 2 - FREE_TURN))


def _finger_like(shape: Profile) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say which blocks have ridges and valleys of a finger's mean widths; the last run, cut off, does not count."""
    found = changes(shape.ridge)
    widths = _widths(found) / WIDTH_SCALE
    is_ridge = shape.ridge[found.block, found.column - 1]
    fits = np.ones(len(shape.ridge), bool)
    for chosen, (narrowest, widest) in ((is_ridge, RIDGE_WIDTHS), (~is_ridge, VALLEY_WIDTHS)):
        count = np.bincount(found.block[chosen], minlength=len(fits))
        total = np.bincount(found.block[chosen], widths[chosen], minlength=len(fits))
        # Times the reciprocal, not divided: a mean on the very limit must fall as in NFIQ 2.
        mean = total * (1 / np.maximum(count, 1))
        fits &= (mean >= narrowest / WIDTH_SCALE) & (mean <= widest / WIDTH_SCALE)
    return fits


def _widths(found: Changes) -> Floats:
    """Return the width of the run that each change ends; NFIQ 2 counts a block's first run one short."""
    return np.where(found.number == 0, found.column - 1, np.diff(found.column, prepend=0)).astype(np.float64)
