"""The map of blocks and its picture."""

import numpy as np
import pytest

from agent.capture.fingerprint.quality.errors import PrintTooSmall, WrongPixels
from agent.capture.fingerprint.quality.quality_map import SCALE, QualityMap, annotate, quality_map
from agent.devices.seams import Pixels
from tests.capture.fingerprint.quality.prints import noisy, ridge_pattern, smeared


def stripes(degrees: float) -> Pixels:
    """Return ridges that run at an angle from the x axis, y downwards."""
    y, x = np.mgrid[:128, :128]
    across = np.radians(degrees + 90)
    grey = 128 + 100 * np.sin(2 * np.pi * (x * np.cos(across) + y * np.sin(across)) / 9)
    return np.asarray(grey, np.uint8)


@pytest.mark.parametrize("degrees", [0, 15, 30, 45, 60, 90, 120, 165])
def test_the_flow_runs_along_the_ridges(degrees: float) -> None:
    """Every block within two degrees, whatever the angle."""
    found = quality_map(stripes(degrees))
    off = (np.degrees(found.ridge_flow) - degrees + 90) % 180 - 90
    assert np.abs(off).max() < 2
    assert found.coherence.min() > 0.95
    assert found.foreground.all()
    assert found.one_direction == pytest.approx(1, abs=0.01)


def test_the_grid_covers_the_whole_picture() -> None:
    """Partial blocks at the right and lower edge included."""
    found = quality_map(ridge_pattern(100, 130))
    assert found.foreground.shape == found.coherence.shape == found.ridge_flow.shape == (4, 5)


def test_rings_flow_every_way_and_a_smear_one() -> None:
    """What the smear gate rests on."""
    rings = quality_map(ridge_pattern()).one_direction
    assert rings < 0.4
    assert quality_map(smeared(noisy(ridge_pattern(), 60), 45)).one_direction > rings


def test_crossed_flow_is_no_direction() -> None:
    """Two blocks at right angles cancel out; without foreground there is none."""
    flow, sure = np.array([[0, np.pi / 2]]), np.ones((1, 2))
    assert QualityMap(np.ones((1, 2), bool), flow, sure).one_direction == pytest.approx(0)
    assert QualityMap(np.zeros((1, 2), bool), flow, sure).one_direction == 0


def test_the_picture_shows_foreground_and_certainty() -> None:
    """Twice the size; clear ridges are tinted green, noise red, the white around stays white."""
    print_ = np.full((192, 320), 255, np.uint8)
    print_[32:160, 32:160] = stripes(0)
    print_[32:160, 192:320] = noisy(np.full((128, 128), 128, np.uint8), 60)
    picture = annotate(print_)
    assert picture.shape == (192 * SCALE, 320 * SCALE, 3)
    assert picture.dtype == np.uint8
    assert (picture[:60, :60] == 255).all()
    ridges = picture[70:310, 70:310].reshape(-1, 3).mean(axis=0)
    noise = picture[70:310, 390:630].reshape(-1, 3).mean(axis=0)
    assert ridges[1] > ridges[2] + 50
    assert noise[2] > noise[1] + 10


def test_the_line_in_a_block_lies_along_its_ridges() -> None:
    """For ridges to the right the blue line is wide and low, for upright ones narrow and high."""
    for degrees, axis in ((0, 1), (90, 0)):
        block = annotate(stripes(degrees))[: 32 * SCALE, : 32 * SCALE].astype(int)
        y, x = np.nonzero((block[..., 0] > 200) & (block[..., 2] < 60))
        extent = np.ptp(y), np.ptp(x)
        assert extent[axis] > 4 * extent[1 - axis]


def test_the_print_itself_is_not_drawn_on() -> None:
    """The picture is a new one."""
    print_ = ridge_pattern()
    before = print_.copy()
    annotate(print_)
    assert np.array_equal(print_, before)


def test_hostile_pictures() -> None:
    """The same checks as for the measures."""
    with pytest.raises(WrongPixels):
        annotate(np.zeros((300, 300, 3), np.uint8))
    with pytest.raises(PrintTooSmall):
        quality_map(np.zeros((1, 1), np.uint8))
