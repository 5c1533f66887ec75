"""The measures of single blocks, each against a value computed by hand."""

import numpy as np
import pytest

from agent.capture.fingerprint.quality import local
from agent.capture.fingerprint.quality.blocks import BlockGradients
from agent.capture.fingerprint.quality.profile import changes, profile
from agent.capture.fingerprint.quality.slanted import SlantedBlocks
from agent.devices.seams import Pixels

DARK, LIGHT = 20, 220


def upright(*runs: int, starts_dark: bool = True) -> Pixels:
    """Return one 16 x 32 block of upright ridges and valleys with the given widths."""
    assert sum(runs) == 32
    column, grey = [], [DARK, LIGHT] if starts_dark else [LIGHT, DARK]
    for number, width in enumerate(runs):
        column += [grey[number % 2]] * width
    return np.tile(np.array(column, np.uint8), (1, 16, 1))


def lying(waves: dict[int, float]) -> Pixels:
    """Return one 32 x 16 block whose row means are waves (number in the block -> amplitude) around 128."""
    rows = np.arange(32)
    grey = 128 + sum(size * np.cos(2 * np.pi * number * rows / 32) for number, size in waves.items())
    return np.tile(np.rint(grey).astype(np.uint8)[None, :, None], (1, 1, 16))


def one(a: float, b: float, c: float) -> BlockGradients:
    """Return a single full block."""
    return BlockGradients(np.array([[a]]), np.array([[b]]), np.array([[c]]))


@pytest.mark.parametrize(
    ("gradients", "expected"),
    [((4, 0, 0), 1.0), ((4, 1, 0), 0.75), ((1, 4, 0), 0.75), ((2, 2, 1), 2 / 3), ((3, 3, 0), 0.0)],
)
def test_orientation_certainty(gradients: tuple[float, float, float], expected: float) -> None:
    """1 - smaller / larger eigenvalue of [[a, c], [c, b]]."""
    assert local.orientation_certainty(one(*gradients), 32, 32) == pytest.approx([expected])


def test_orientation_certainty_skips_flat_and_partial_blocks() -> None:
    """A block without gradients has no value; nor has one that is cut by the picture's edge."""
    two_by_two = BlockGradients(np.array([[0.0, 2], [3, 4]]), np.zeros((2, 2)), np.zeros((2, 2)))
    assert local.orientation_certainty(two_by_two, 63, 64).tolist() == [1]


def test_frequency_of_one_wave_is_1() -> None:
    """All of the spectrum is in one place."""
    assert local.frequency(lying({4: 80})) == pytest.approx([1], abs=0.02)


def test_frequency_takes_a_third_of_the_neighbours() -> None:
    """Amplitudes 60 at wave 5, 20 at 4, 20 at 9: (60 + 0.3 * 20) / 100."""
    assert local.frequency(lying({5: 60, 4: 20, 9: 20})) == pytest.approx([0.66], abs=0.01)


def test_the_longest_wave_counts_as_1() -> None:
    """NFIQ 2 gives 1 when the peak is at the spectrum's end, as in a block without ridges."""
    assert local.frequency(lying({1: 60, 3: 50, 7: 10})).tolist() == [1]
    assert local.frequency(np.full((1, 32, 16), 90, np.uint8)).tolist() == [1]


def test_the_shortest_wave_has_its_neighbour_on_both_sides() -> None:
    """Beyond wave 16 comes wave 15 again, which also is all that the denominator holds."""
    assert local.frequency(lying({16: 30, 15: 30})) == pytest.approx([(2 * 30 + 0.6 * 30) / 30], abs=0.1)


def test_clarity_of_clean_ridges_is_1() -> None:
    """No pixel is on the wrong side."""
    assert local.clarity(upright(4, 4, 4, 4, 4, 4, 4, 4)).tolist() == [1]


def test_clarity_counts_pixels_on_the_wrong_side() -> None:
    """Four of 256 ridge pixels light, eight of 256 valley pixels dark: 1 - (4/256 + 8/256) / 2."""
    block = upright(4, 4, 4, 4, 4, 4, 4, 4)
    block[0, :4, 1] = LIGHT
    block[0, 4:8, 4] = block[0, 4:8, 13] = DARK
    assert local.clarity(block) == pytest.approx([1 - (4 / 256 + 8 / 256) / 2])


@pytest.mark.parametrize(
    ("runs", "clear"),
    [
        ((4, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 3), True),  # ridges of 3: the narrowest, valleys of 2
        ((3, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 4), False),  # ridges of 2: too narrow
        ((5, 1, 4, 1, 4, 1, 4, 1, 4, 1, 4, 2), False),  # valleys of 1: too narrow
        ((11, 10, 11), True),  # 10 is the widest (the first run counts one short)
        ((12, 10, 10), False),
        ((10, 11, 11), False),
        ((32,), False),  # no change at all
        ((31, 1), False),
    ],
)
def test_clarity_is_0_unless_ridges_have_a_fingers_widths(runs: tuple[int, ...], clear: bool) -> None:
    """Mean widths of 3 to 10 pixels for ridges and 2 to 10 for valleys, the last run left out."""
    block = upright(*runs)
    assert bool(local.clarity(block)[0] > 0) is clear


def test_the_trend_removes_a_slope() -> None:
    """Ridges on a background that brightens to the right are found all the same."""
    slope = np.arange(32) * 4
    wave = np.tile([0, 0, 0, 0, 60, 60, 60, 60], 4)
    block = np.tile((slope + wave).astype(np.uint8), (1, 16, 1))
    assert profile(block).ridge[0].tolist() == (wave == 0).tolist()


def test_a_flat_block_has_no_ridge() -> None:
    """A column equal to the trend is valley."""
    assert not profile(np.full((1, 16, 32), 77, np.uint8)).ridge.any()


def test_changes_are_numbered_block_by_block() -> None:
    """Two changes in the first block, none in the second, one in the third."""
    ridge = np.array([[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 1, 1]], bool)
    found = changes(ridge)
    assert (found.block.tolist(), found.column.tolist(), found.number.tolist()) == ([0, 0, 2], [1, 3, 2], [0, 1, 0])


def test_ridge_valley_ratios_by_hand() -> None:
    """Runs R3 V4 R6 V4 R5 V10: complete are V4 R6 V4 R5, the first is dropped.

    From the right: 5/4 and 4/6; the first complete run is a valley, so the first ratio is turned over.
    """
    found = local.ridge_valley_ratios(upright(3, 4, 6, 4, 5, 10))
    assert sorted(found) == pytest.approx([4 / 6, 4 / 5])


def test_ridge_valley_ratios_that_begin_with_a_complete_ridge() -> None:
    """The same runs the other way round: the first complete run is a ridge, so the second ratio is turned over."""
    found = local.ridge_valley_ratios(upright(3, 4, 6, 4, 5, 10, starts_dark=False))
    assert sorted(found) == pytest.approx([5 / 4, 6 / 4])


def test_the_last_column_makes_no_change() -> None:
    """A run that begins in column 31 is not seen, so the run before it is never complete."""
    assert local.ridge_valley_ratios(upright(4, 4, 4, 4, 15, 1)).size == 1
    assert local.ridge_valley_ratios(upright(4, 4, 4, 4, 14, 2)).size == 2


def test_ratios_of_many_blocks_are_those_of_each() -> None:
    """Blocks do not leak into one another."""
    blocks = [upright(3, 4, 6, 4, 5, 10), upright(32), upright(4, 4, 4, 4, 4, 4, 4, 4), upright(16, 16)]
    apart = np.concatenate([local.ridge_valley_ratios(block) for block in blocks])
    assert local.ridge_valley_ratios(np.concatenate(blocks)).tolist() == apart.tolist()


def test_clarity_of_many_blocks_is_that_of_each() -> None:
    """Blocks do not leak into one another."""
    blocks = [upright(3, 4, 6, 4, 5, 10), upright(32), upright(4, 4, 4, 4, 4, 4, 4, 4), upright(1, 31)]
    apart = np.concatenate([local.clarity(block) for block in blocks])
    assert local.clarity(np.concatenate(blocks)).tolist() == apart.tolist()


def test_orientation_flow_by_hand() -> None:
    """Eight neighbours each 0.2 rad away: (0.2 - 4 degrees) / 86 degrees; the border has neighbours outside."""
    orientation = np.full((3, 3), 0.2)
    orientation[1, 1] = 0
    found = local.orientation_flow(SlantedBlocks(np.zeros((0, 0), np.uint8), orientation, np.ones((3, 3), bool)))
    assert found == pytest.approx([(0.2 - np.radians(4)) / np.radians(86)])


@pytest.mark.parametrize("spoiled", ["parallel", "background"])
def test_orientation_flow_leaves_out_small_turns_and_borders_of_the_print(spoiled: str) -> None:
    """Turns up to 4 degrees are free; a block with a neighbour in the background has no value."""
    orientation, known = np.full((3, 3), 0.2), np.ones((3, 3), bool)
    orientation[1, 1] = 0.2 - np.radians(4) * 0.99 if spoiled == "parallel" else 0
    known[0, 0] = spoiled == "parallel"
    assert local.orientation_flow(SlantedBlocks(np.zeros((0, 0), np.uint8), orientation, known)).size == 0
