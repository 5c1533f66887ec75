"""A print reduced to its ridges."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture.fingerprint.matching.ridges import SIDE, RidgeMap, turn
from tests.capture.fingerprint.matching.prints import ridges, touch


def test_contrast_and_light_do_not_matter() -> None:
    """Half the contrast on another grey gives nearly the same map."""
    dim = (60 + touch(1, 0) * 0.5).astype(np.uint8)
    both = (RidgeMap.of(dim).mask * ridges(1, 0).mask) > 0
    first, second = ridges(1, 0).ridges[both], RidgeMap.of(dim).ridges[both]
    assert np.corrcoef(first, second)[0, 1] > 0.98


@pytest.mark.parametrize("shape", [(36, 36), (290, 384), (513, 40), (700, 800)])
def test_any_size_fits_into_the_square(shape: tuple[int, int]) -> None:
    """Small prints are framed, large ones cut around the middle; an even picture has no ridges."""
    found = RidgeMap.of(np.full(shape, 200, np.uint8))
    assert found.ridges.shape == found.mask.shape == (SIDE, SIDE)
    assert not found.mask.any()
    assert np.isfinite(found.ridges).all()


def test_a_turn_and_its_opposite_meet_again() -> None:
    """Turning is about the middle and loses little."""
    there_and_back = ridges(1, 0).turned(20).turned(-20)
    both = (there_and_back.mask * ridges(1, 0).mask) > 0
    assert np.corrcoef(there_and_back.ridges[both], ridges(1, 0).ridges[both])[0, 1] > 0.9
    assert both.sum() > 0.9 * ridges(1, 0).mask.sum()


def test_the_matrix_turns_first_and_shifts_then() -> None:
    """The middle goes where the shift says, whatever the turn."""
    middle = np.array([SIDE / 2 - 0.5, SIDE / 2 - 0.5, 1])
    assert turn(33, 7, -4) @ middle == pytest.approx(middle[:2] + np.array([7, -4]))


def test_nothing_is_shown_of_a_person_in_a_log() -> None:
    """The map can be turned back into a print."""
    assert repr(ridges(1, 0)) == "RidgeMap()"
