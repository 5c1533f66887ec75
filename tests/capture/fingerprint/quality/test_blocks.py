"""Sums and gradients of blocks, by hand and against the plain definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.fingerprint.quality.blocks import (
    BlockGradients,
    block_gradients,
    block_sizes,
    block_sums,
    foreground,
)
from agent.devices.seams import Pixels


def plain_gradients(image: Pixels, row: int, column: int) -> tuple[float, float, float]:
    """Take one block's gradient means by numpy's own gradient."""
    block = image[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32].astype(float)
    down = np.gradient(block, axis=0) if block.shape[0] > 1 else np.zeros_like(block)
    across = np.gradient(block, axis=1) if block.shape[1] > 1 else np.zeros_like(block)
    return (across**2).mean(), (down**2).mean(), (across * down).mean()


def test_a_ramp_to_the_right() -> None:
    """Grey 3 x: the gradient is 3 everywhere, at the edges of the block too."""
    found = block_gradients(np.tile(np.arange(0, 96, 3, dtype=np.uint8), (32, 1)))
    assert [found.a.item(), found.b.item(), found.c.item()] == [9, 0, 0]
    assert found.coherence == 1
    assert found.orientation == 0
    assert found.ridge_flow == pytest.approx(np.pi / 2)


def test_a_ramp_down_and_right() -> None:
    """Grey x + y: all three means are 1; NFIQ 2's angle is 1/2 atan2(1, 0), the ridges' true one 135 degrees."""
    y, x = np.mgrid[:32, :32]
    found = block_gradients((x + y).astype(np.uint8))
    assert [found.a.item(), found.b.item(), found.c.item()] == [1, 1, 1]
    assert found.orientation == pytest.approx(np.pi / 4)
    assert found.ridge_flow == pytest.approx(3 * np.pi / 4)


def test_a_step_before_the_last_column_counts_once_one_sided() -> None:
    """0 ... 0 8: gradients 4 and 8 in two of 32 columns, so (16 + 64) / 32."""
    picture = np.zeros((32, 32), np.uint8)
    picture[:, 31] = 8
    assert block_gradients(picture).a == 2.5


def test_a_step_between_blocks_is_in_neither() -> None:
    """Gradients never look into the next block."""
    picture = np.zeros((64, 64), np.uint8)
    picture[:, 32:] = 200
    assert not block_gradients(picture).a.any()


def test_coherence_of_a_flat_block_is_0() -> None:
    """Nothing changes, so no direction is known."""
    assert block_gradients(np.full((40, 40), 9, np.uint8)).coherence.tolist() == [[0, 0], [0, 0]]


def test_spread_is_the_difference_of_the_eigenvalues() -> None:
    """[[2, 1], [1, 2]] has 3 and 1."""
    gradients = BlockGradients(np.array([[2.0]]), np.array([[2.0]]), np.array([[1.0]]))
    assert gradients.spread == 2
    assert gradients.coherence == 0.5


@settings(max_examples=40, deadline=None)
@given(st.integers(33, 100), st.integers(33, 100), st.integers(0, 2**32 - 1))
def test_all_blocks_agree_with_the_plain_definition(height: int, width: int, seed: int) -> None:
    """Full and partial blocks, down to one pixel wide, on random pictures."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    found = block_gradients(image)
    for row, column in np.ndindex(found.a.shape):
        expected = plain_gradients(image, row, column)
        assert (found.a[row, column], found.b[row, column], found.c[row, column]) == pytest.approx(expected)


def test_sums_and_sizes_of_partial_blocks() -> None:
    """33 x 65 pixels are 2 x 3 blocks, the last ones 1 pixel high and wide."""
    ones = np.ones((33, 65), np.int32)
    expected = [[1024, 1024, 32], [32, 32, 1]]
    assert block_sums(ones).tolist() == expected
    assert block_sizes(ones.astype(np.uint8)).tolist() == expected


def test_sums_of_the_largest_values_do_not_overflow() -> None:
    """A block of the largest squared doubled gradients sums to 1024 times 510^2."""
    assert block_sums(np.full((32, 32), 510**2, np.int32)) == 1024 * 510**2


def test_a_flat_block_is_background() -> None:
    """The print is where the block deviates by a tenth of the whole picture's deviation."""
    picture = np.full((64, 64), 100, np.uint8)
    picture[:32, :32:2] = 200
    assert foreground(picture).tolist() == [[True, False], [False, False]]


def test_a_picture_of_one_grey_has_no_foreground() -> None:
    """No deviation at all is no print."""
    assert not foreground(np.full((64, 64), 7, np.uint8)).any()
