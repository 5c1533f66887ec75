"""What the worker does to pictures before they are shown."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from agent.devices._camera_worker import fitted, is_flat

ROOT = Path(__file__).resolve().parents[2]


def test_a_picture_that_fits_is_left_alone() -> None:
    """Any shape within the number of pixels is kept as it is."""
    picture = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
    assert np.array_equal(fitted(picture, 1200), picture)


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (1920, 1080)], ids=str)
def test_a_larger_picture_is_shrunk_in_its_own_shape(shape: tuple[int, int]) -> None:
    """Width over height stays: a face is not stretched."""
    small = fitted(np.zeros((*shape, 3), np.uint8), 1000)
    height, width = small.shape[:2]
    assert height * width <= 1000
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.1)


@pytest.mark.parametrize("shape", [(5000, 3), (3, 5000), (5000, 1), (1, 5000)], ids=str)
def test_a_picture_of_no_sensible_shape_still_fits(shape: tuple[int, int]) -> None:
    """A line of pixels is shrunk, too, and never larger than the memory."""
    height, width = fitted(np.zeros((*shape, 3), np.uint8), 1000).shape[:2]
    assert 0 < height * width <= 1000


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4)], ids=str)
def test_other_channels_become_three(shape: tuple[int, ...]) -> None:
    """Grey cameras and an alpha channel are ordinary."""
    assert fitted(np.full(shape, 9, np.uint8), 100).tolist() == np.full((4, 4, 3), 9).tolist()


def test_only_a_picture_without_contrast_is_flat() -> None:
    """Black, white and a little noise on black are flat; a scene is not."""
    noise = np.random.default_rng(1).integers(0, 5, (9, 9, 3), np.uint8)
    assert is_flat(np.zeros((9, 9, 3), np.uint8))
    assert is_flat(np.full((9, 9, 3), 255, np.uint8))
    assert is_flat(noise)
    noise[4, 4] = 60
    assert not is_flat(noise)


def test_video_capture_is_used_in_one_module() -> None:
    """The camera's library is behind one seam: cv2.VideoCapture is named in exactly one file of the agent."""
    using = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "agent").rglob("*.py")
        if any(
            isinstance(node, ast.Attribute) and node.attr == "VideoCapture"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert using == ["agent/devices/_camera_worker.py"]
