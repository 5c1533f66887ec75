"""Turning blocks: known angles by hand, and OpenCV's own turning for all others."""

import cv2
import numpy as np
import pytest

from agent.capture.fingerprint.quality.picture import Floats
from agent.capture.fingerprint.quality.slanted import SlantedBlocks, slanted_blocks
from agent.devices.seams import Pixels


def noise(height: int, width: int) -> Pixels:
    """Return a picture in which no two neighbourhoods are alike."""
    return np.random.default_rng(5).integers(1, 256, (height, width), dtype=np.uint8)


def one_block(image: Pixels, angle: float) -> SlantedBlocks:
    """Return the first window of a picture as foreground."""
    return SlantedBlocks(image, np.array([[angle]]), np.array([[True]]))


def test_without_a_turn_the_middle_is_cut_out() -> None:
    """Sixteen rows and 32 columns from the middle of the 36 x 36 window."""
    image = noise(36, 36)
    assert np.array_equal(one_block(image, 0.0).upright()[0], image[10:26, 2:34])


def test_a_turn_of_the_wide_window_is_cut_two_pixels_off_the_middle() -> None:
    """The wide window starts two pixels further out but is cut at the same place, so all moves by two."""
    image = noise(72, 72)
    block = SlantedBlocks(image, np.zeros((2, 2)), np.array([[False, False], [False, True]]))
    assert np.array_equal(block.upright_padded()[0], image[40:56, 32:64])


def test_outside_the_picture_the_wide_window_is_black() -> None:
    """At the picture's corner its two outer rows and columns are 0."""
    image = noise(36, 36)
    found = one_block(image, np.pi / 2).lying_padded()[0]
    assert found.shape == (32, 16)
    assert one_block(image, -np.pi / 2).lying_padded()[0].tolist() == np.pad(image, 2)[2:34, 10:26].tolist()


def test_blocks_come_row_by_row_and_only_the_foreground() -> None:
    """Background blocks are left out."""
    image = noise(68, 68)
    blocks = SlantedBlocks(image, np.zeros((2, 2)), np.array([[False, True], [True, False]]))
    found = blocks.upright()
    assert len(found) == 2
    assert np.array_equal(found[0], image[10:26, 34:66])
    assert np.array_equal(found[1], image[42:58, 2:34])


@pytest.mark.parametrize("angle", np.linspace(-np.pi / 2, np.pi / 2, 19).tolist())
def test_other_angles_agree_with_opencv_but_for_rounding(angle: float) -> None:
    """The installed OpenCV rounds differently at single pixels; a smooth window hides that."""
    y, x = np.mgrid[:36, :36]
    image = (100 + 40 * np.sin(x / 9) + 40 * np.cos(y / 7)).astype(np.uint8)
    matrix = cv2.getRotationMatrix2D((18, 18), np.degrees(angle), 1)
    theirs = cv2.warpAffine(image, matrix, (36, 36), flags=cv2.INTER_NEAREST)[10:26, 2:34]
    ours = one_block(image, angle).upright()[0]
    assert np.abs(ours.astype(int) - theirs).max() <= 10
    assert (ours == theirs).mean() > 0.8


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 135, 160])
def test_straight_ridges_stand_upright(degrees: float) -> None:
    """After turning, the columns of a straight pattern differ far more than the rows.

    NFIQ 2's angle is exact along the axes and at 45 degrees only, so the other angles are given here.
    """
    y, x = np.mgrid[:100, :100]
    across = np.radians(degrees)
    image = (128 + 100 * np.sin(2 * np.pi * (x * np.cos(across) + y * np.sin(across)) / 9)).astype(np.uint8)
    blocks = SlantedBlocks(image, np.full((3, 3), across), np.ones((3, 3), bool))
    for block in blocks.upright():
        assert block.mean(axis=0).std() > 5 * block.mean(axis=1).std()


@pytest.mark.parametrize(
    ("shape", "grid"), [((36, 36), (1, 1)), ((67, 68), (1, 2)), ((68, 36), (2, 1)), ((99, 101), (2, 3))]
)
def test_the_grid_holds_the_windows_that_fit(shape: tuple[int, int], grid: tuple[int, int]) -> None:
    """One block needs 36 pixels, each further one 32."""
    blocks = slanted_blocks(noise(*shape))
    assert blocks.orientation.shape == blocks.foreground.shape == grid
    assert blocks.foreground.all()


def test_a_block_is_foreground_only_if_all_it_touches_is() -> None:
    """One flat aligned block takes the slanted blocks that reach into it along."""
    image = noise(104, 104)
    image[32:64, 32:64] = 128
    expected: Floats = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 1]])
    assert slanted_blocks(image).foreground.tolist() == expected.astype(bool).tolist()
