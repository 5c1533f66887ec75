"""How alike two prints are, on synthetic fingers; the error figures proper are measured by the slow test."""

from __future__ import annotations

import numpy as np
import pytest
from firmware_mocks.fingers import Impression, master, press

from agent.capture.fingerprint.matching import DIFFERENT_BELOW, SAME_FROM, RidgeMap, likeness
from tests.capture.fingerprint.matching.prints import ridges, touch


def test_a_print_is_like_itself() -> None:
    """Nothing can be more alike."""
    assert likeness(ridges(4, 0), ridges(4, 0)) > 0.95


@pytest.mark.parametrize("degrees", [-25, 14])
def test_turned_shifted_and_stretched_it_is_still_the_same(degrees: int) -> None:
    """A touch off the middle, harder, with soft skin."""
    other = press(master(4), Impression(9, right_px=25, down_px=-15, rotation_deg=degrees, pressure=0.65))
    assert likeness(ridges(4, 0), RidgeMap.of(other)) > SAME_FROM


def test_most_touches_of_a_finger_are_alike_and_no_two_fingers_are() -> None:
    """Six fingers, each touched twice."""
    same = [likeness(ridges(finger, 0), ridges(finger, 1)) for finger in range(10, 16)]
    other = [likeness(ridges(finger, 0), ridges(finger + 1, 1)) for finger in range(10, 15)]
    assert sum(value >= SAME_FROM for value in same) >= 4
    assert max(other) < SAME_FROM
    assert np.median(other) < DIFFERENT_BELOW


def test_the_order_hardly_matters() -> None:
    """The same pieces, from the other side."""
    assert likeness(ridges(4, 0), ridges(4, 1)) == pytest.approx(likeness(ridges(4, 1), ridges(4, 0)), abs=0.08)


@pytest.mark.parametrize("picture", [np.full((290, 384), 250, np.uint8), touch(4, 0)[:60, :80]], ids=["blank", "scrap"])
def test_too_little_in_common_says_nothing(picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> None:
    """A blank picture or a scrap is like nothing, not even like its own finger."""
    assert likeness(ridges(4, 0), RidgeMap.of(picture)) == 0.0


@pytest.mark.slow
def test_error_figures() -> None:
    """The figures that `likeness.py` states, on 200 fingers: at most these shares of wrong answers."""
    fingers = range(5000, 5200)
    same = np.array([likeness(ridges(one, 1), ridges(one, 2)) for one in fingers])
    other = np.array(
        [likeness(ridges(one, 1), ridges(5000 + (one - 5000 + by) % 200, 2)) for one in fingers for by in (1, 2, 3)]
    )
    assert (other >= SAME_FROM).mean() <= 0.002
    assert (other >= DIFFERENT_BELOW).mean() <= 0.12
    assert (same < DIFFERENT_BELOW).mean() <= 0.06
    assert (same < SAME_FROM).mean() <= 0.35
