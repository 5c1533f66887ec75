"""The pieces of two prints and the field of displacements between them."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture.fingerprint.matching.patches import Patches, patches
from agent.capture.fingerprint.matching.ridges import SIDE, turn
from agent.capture.fingerprint.matching.stretch import bent, smoothed
from tests.capture.fingerprint.matching.prints import ridges


def pieces(right: float = 2.0, down: float = -1.0, slope: float = 0.0, alike: float = 0.8) -> Patches:
    """Return pieces on a grid; `slope` stretches to the right."""
    y, x = (side.ravel().astype(float) for side in np.mgrid[40:220:12, 40:220:12])
    return Patches(x, y, right + slope * (x - SIDE / 2), np.full_like(x, down), np.full_like(x, alike))


def test_pieces_find_how_far_they_are_off() -> None:
    """A print moved by whole pixels: every piece says so, and is almost equal there."""
    found = patches(ridges(3, 0), ridges(3, 0).moved(turn(0, 3, -2)), size=32, reach=6, step=16)
    assert found.count > 20
    assert set(found.right) == {3.0}
    assert set(found.down) == {-2.0}
    assert found.mean > 0.99


def test_no_pieces_without_a_print_below() -> None:
    """Nothing is compared outside; the mean of nothing is 0."""
    found = patches(ridges(3, 0), ridges(3, 0).moved(turn(0, 250, 0)), size=32, reach=2, step=16)
    assert (found.count, found.mean) == (0, 0.0)


def test_a_stretch_is_followed() -> None:
    """A field of second degree has it exactly, but for its damping."""
    right, down = bent(pieces(slope=0.03))
    assert right[128, 128] == pytest.approx(2.0, abs=0.1)
    assert right[128, 192] == pytest.approx(2.0 + 0.03 * 64, abs=0.1)
    assert down[60, 60] == pytest.approx(-1.0, abs=0.1)


def test_pieces_that_disagree_count_little() -> None:
    """One piece in ten that is a ridge off does not bend the field."""
    found = pieces()
    found.right[::10] += 4.5
    assert bent(found)[0][128, 128] == pytest.approx(2.0, abs=0.15)


def test_smoothing_keeps_an_even_shift() -> None:
    """Near the pieces it is theirs; far from all of them it is bounded."""
    right, down = smoothed(pieces(), 18.0)
    assert (right[128, 128], down[128, 128]) == pytest.approx((2.0, -1.0), abs=0.01)
    assert np.isfinite(right).all()
    assert np.abs(right).max() <= 2.01


def test_pieces_that_are_all_unlike_move_nothing() -> None:
    """No weight, no displacement, no division by zero."""
    right, down = smoothed(pieces(alike=-0.2), 18.0)
    assert not right.any()
    assert np.abs(bent(pieces(alike=0.0))[0]).max() < 1e-6
    assert not down.any()
