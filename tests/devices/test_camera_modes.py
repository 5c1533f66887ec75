"""One picture in the largest mode: of cameras with several modes, with one, and of those that fail in between."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.devices.camera_modes import LargestMode

ACROSS, DOWN = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
USUAL = (1280, 720)


class Uvc:
    """A UVC camera as its driver behaves: asked for a size it gives the nearest mode, once both sides are set."""

    def __init__(self, *modes: tuple[int, int], fails_after: int = 99) -> None:
        self._modes, self.mode = modes, USUAL
        self._asked: dict[int, float] = {}
        self._reads_left = fails_after
        self.reads: list[tuple[int, int]] = []

    def get(self, propId: int, /) -> float:  # noqa: N803 # cv2's name
        """Return a side of the mode in force."""
        return float(self.mode[0] if propId == ACROSS else self.mode[1])

    def set(self, propId: int, value: float, /) -> bool:  # noqa: N803 # cv2's name
        """Take a side; with both sides choose the nearest mode by area."""
        self._asked[propId] = value
        if len(self._asked) == 2:
            area = self._asked.pop(ACROSS) * self._asked.pop(DOWN)
            self.mode = min(self._modes, key=lambda mode: abs(mode[0] * mode[1] - area))
        return True

    def read(self) -> tuple[bool, object]:
        """Return a picture of the mode, each with a grey of its own; after some the camera is gone."""
        self._reads_left -= 1
        if self._reads_left < 0:
            return False, None
        self.reads.append(self.mode)
        return True, np.full((self.mode[1], self.mode[0], 3), len(self.reads), np.uint8)


def _taken(camera: Uvc, *, switches: bool = True) -> tuple[int, ...] | None:
    pixels = LargestMode(camera, *USUAL, switches=switches).take()
    return None if pixels is None else pixels.shape


def test_a_settled_picture_of_the_largest_mode_and_back() -> None:
    """Not the first one of the mode, and the camera is afterwards as it was."""
    camera = Uvc((640, 480), USUAL, (3840, 2160))
    pixels = LargestMode(camera, *USUAL, switches=True).take()
    assert pixels is not None
    assert pixels.shape == (2160, 3840, 3)
    assert pixels[0, 0, 0] == 4
    assert camera.mode == USUAL


def test_a_camera_without_a_larger_mode_is_not_asked_again() -> None:
    """Nothing is read, and the second time nothing is switched."""
    camera = Uvc((640, 480), USUAL)
    largest = LargestMode(camera, *USUAL, switches=True)
    assert largest.take() is None
    assert camera.mode == USUAL
    camera.mode = (0, 0)
    assert largest.take() is None
    assert (camera.reads, camera.mode) == ([], (0, 0))


@pytest.mark.parametrize("reads", range(4))
def test_a_camera_that_fails_in_between_gives_none_and_is_put_back(reads: int) -> None:
    """Whichever picture it was that did not come."""
    camera = Uvc(USUAL, (1920, 1080), fails_after=reads)
    assert _taken(camera) is None
    assert camera.mode == USUAL


def test_a_network_camera_with_more_pixels_than_are_shown_gives_them() -> None:
    """It has one mode, which the worker shrinks for people to see."""
    camera = Uvc(USUAL)
    camera.mode = (1920, 1080)
    assert _taken(camera, switches=False) == (1080, 1920, 3)
    assert _taken(Uvc(USUAL), switches=False) is None


def test_a_picture_that_nobody_can_judge_is_none() -> None:
    """More than the vision worker takes."""
    camera = Uvc(USUAL)
    camera.mode = (5000, 4000)
    assert _taken(camera, switches=False) is None
