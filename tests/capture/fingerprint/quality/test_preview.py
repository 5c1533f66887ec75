"""The judgement of a preview frame."""

import numpy as np
import pytest

from agent.capture.fingerprint.quality.errors import PrintTooLarge, PrintTooSmall, WrongPixels
from agent.capture.fingerprint.quality.preview import Preview, judge_preview
from agent.devices.seams import Pixels
from tests.capture.fingerprint.quality.prints import blurred, faded, noisy, partial, ridge_pattern


def frame(top: int, left: int, grey: int = 200) -> Pixels:
    """Return an empty frame with 128 x 128 of stripes on it."""
    picture = np.full((320, 320), grey, np.uint8)
    patch = np.tile(np.repeat(np.array([40, 160], np.uint8), 4), 16)
    picture[top : top + 128, left : left + 128] = patch
    return picture


@pytest.mark.parametrize(
    ("top", "left", "x", "y"),
    [(96, 96, 0.0, 0.0), (0, 0, -0.6, -0.6), (192, 192, 0.6, 0.6), (96, 192, 0.6, 0.0), (0, 96, 0.0, -0.6)],
)
def test_where_the_finger_lies(top: int, left: int, x: float, y: float) -> None:
    """The middle of the patch, between -1 and 1."""
    found = judge_preview(frame(top, left))
    assert found.foreground == pytest.approx(128 * 128 / 320**2)
    assert (found.centre_x, found.centre_y) == pytest.approx((x, y))


def test_greys_of_the_finger_only() -> None:
    """Stripes of 40 and 160: mean 100, deviation 60, one direction; the empty reader around does not count."""
    found = judge_preview(frame(96, 96))
    assert (found.mean, found.contrast, found.coherence) == pytest.approx((100, 60, 1))


@pytest.mark.parametrize("grey", [0, 200, 255])
def test_an_empty_reader(grey: int) -> None:
    """Nothing is said about a finger that is not there; the reader's noise is none."""
    assert judge_preview(np.full((290, 384), grey, np.uint8)) == Preview(0.0)
    assert judge_preview(noisy(np.full((290, 384), 128, np.uint8), 4)) == Preview(0.0)


def test_less_finger_less_foreground() -> None:
    """The share follows the area."""
    shares = [judge_preview(partial(ridge_pattern(), share)).foreground for share in (0.9, 0.7, 0.5, 0.3)]
    assert shares == sorted(shares, reverse=True)


def test_noise_costs_coherence_and_fading_contrast() -> None:
    """What guidance is made of moves the right way."""
    clean = judge_preview(ridge_pattern())
    assert clean.coherence is not None
    assert clean.contrast is not None
    assert (judge_preview(noisy(ridge_pattern(), 40)).coherence or 0) < clean.coherence - 0.2
    assert (judge_preview(faded(ridge_pattern(), 0.5)).contrast or 0) < clean.contrast * 0.7
    assert (judge_preview(blurred(ridge_pattern(), 3)).contrast or 0) < clean.contrast


def test_hostile_frames() -> None:
    """The same checks as for the measures."""
    with pytest.raises(WrongPixels):
        judge_preview(np.zeros((300, 300, 3), np.uint8))
    with pytest.raises(PrintTooSmall):
        judge_preview(np.zeros((1, 1), np.uint8))
    with pytest.raises(PrintTooLarge):
        judge_preview(np.zeros((5000, 5000), np.uint8))
