"""Where one print may lie on another."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture.fingerprint.matching.alignment import placements
from agent.capture.fingerprint.matching.ridges import SIDE, RidgeMap, turn
from tests.capture.fingerprint.matching.prints import ridges

EMPTY = RidgeMap(np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32))


@pytest.mark.parametrize(("degrees", "right", "down"), [(0, 0, 0), (12, 9, -6), (-21, -14, 11), (30, 0, 20)])
def test_a_moved_print_is_put_back(degrees: int, right: int, down: int) -> None:
    """The best placement is the inverse movement: middle and turn agree."""
    moved = ridges(2, 0).moved(turn(degrees, right, down))
    best = placements(moved, ridges(2, 0))[0]
    assert (best.degrees, best.right, best.down) == (degrees, right, down)
    assert best.fit > 0.25


def test_the_best_comes_first() -> None:
    """Placements are sorted by how well they fit."""
    fits = [one.fit for one in placements(ridges(2, 0), ridges(2, 1))]
    assert fits == sorted(fits, reverse=True)
    assert len(fits) > 20


def test_prints_that_share_nothing_have_no_placement() -> None:
    """Without overlap there is nothing to fit."""
    assert placements(ridges(2, 0), EMPTY) == placements(EMPTY, EMPTY) == []
