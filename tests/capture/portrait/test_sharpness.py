"""Sharpness and motion blur on rendered faces: more of the fault, more of the measure, and the two kept apart."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from agent.capture.portrait.alignment import AlignedFace
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.policy import DEFAULT_GATES
from agent.capture.portrait.sharpness import MOTION, SHARPNESS, measure_sharpness
from agent.devices.seams import Pixels
from tests.capture.portrait.faces import mesh

Picture = Callable[..., Pixels]


def _native(analyser: Analyser, pixels: Pixels, name: str) -> float:
    value = analyser.preview(pixels).native(name)
    assert value is not None
    return value


def moved(pixels: Pixels, length: int, degrees: float) -> Pixels:
    """Return a picture taken while everything moved by so many pixels in a direction."""
    kernel = np.zeros((31, 31), np.float32)
    half = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * length / 2
    ends = [tuple(int(value) for value in np.rint((15, 15) + sign * half)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], (1.0,))
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_motion_is_seen_in_any_direction(analyser: Analyser, picture: Picture, degrees: float) -> None:
    """The longer the way, the higher the measure; the still picture passes, a way of 9 pixels does not."""
    gate, pixels = DEFAULT_GATES[MOTION], picture("passing")
    values = [_native(analyser, one, MOTION) for one in (pixels, moved(pixels, 5, degrees), moved(pixels, 9, degrees))]
    assert values == sorted(values)
    assert gate.holds(values[0])
    assert not gate.holds(values[-1])


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_defocus_is_no_motion(analyser: Analyser, picture: Picture, sigma: float) -> None:
    """A soft lens lowers the sharpness and leaves the motion measure inside its gate."""
    soft = np.asarray(cv2.GaussianBlur(picture("passing"), (0, 0), sigma), np.uint8)
    assert DEFAULT_GATES[MOTION].holds(_native(analyser, soft, MOTION))
    assert _native(analyser, soft, SHARPNESS) < _native(analyser, picture("passing"), SHARPNESS)


def test_a_face_without_any_detail_is_soft_and_not_assessed_for_motion() -> None:
    """A plain surface has no direction: no number is made up."""
    plain = AlignedFace(np.full((99, 99, 3), 90, np.uint8), np.full((99, 99), 255, np.uint8), mesh().points[:, :2])
    sharp, motion = measure_sharpness(plain)
    assert (sharp.native, sharp.scalar) == (0.0, 0)
    assert motion.native is None
    assert motion.reason


def test_stripes_have_their_direction_by_hand() -> None:
    """Fine noise in both directions against noise that was blurred along x only: near 0 and far from it."""
    noise = np.random.default_rng(1).integers(0, 256, (200, 200), np.uint8)
    along = np.asarray(cv2.GaussianBlur(noise, (61, 1), 10, sigmaY=0), np.uint8)
    values = []
    for grey in (noise, along):
        pixels = np.repeat(grey[..., None], 3, axis=2)
        values.append(measure_sharpness(AlignedFace(pixels, np.full((200, 200), 255, np.uint8), mesh().points[:, :2])))
    assert (values[0][1].native or 1.0) < 0.05
    assert (values[1][1].native or 0.0) > 0.4
