"""The resolution from a target of crossed lines."""

from __future__ import annotations

import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger

from agent.capture.fingerprint.errors import TargetNotSeen
from agent.capture.fingerprint.target import resolution_of_target
from agent.devices.seams import Pixels


def target(x_ppi: float, y_ppi: float, pitch_mm: float, degrees: float = 0.0, noise: float = 6.0) -> Pixels:
    """Draw what a reader of this resolution sees of crossed lines."""
    y, x = np.mgrid[:290, :384]
    right, down, turn = x * 25.4 / x_ppi, y * 25.4 / y_ppi, np.radians(degrees)
    along, across = right * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - right * np.sin(turn)
    line = (along % pitch_mm < pitch_mm * 0.35) | (across % pitch_mm < pitch_mm * 0.35)
    random = np.random.default_rng(0)
    noisy = np.where(line, 60, 240) + random.normal(0, noise, line.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("x_ppi", "y_ppi", "pitch_mm", "degrees"),
    [(512, 512, 1.0, 0), (640, 500, 1.0, 3), (500, 640, 0.5, -11), (500, 500, 2.0, 30), (512, 410, 1.0, 44)],
)
def test_both_resolutions_however_the_target_lies(x_ppi: float, y_ppi: float, pitch_mm: float, degrees: float) -> None:
    """Within a quarter of a pixel per inch, for oblong pixels, too."""
    found = resolution_of_target(target(x_ppi, y_ppi, pitch_mm, degrees), pitch_mm)
    assert (found.x_ppi, found.y_ppi) == pytest.approx((x_ppi, y_ppi), abs=0.25)


def test_noise_does_little() -> None:
    """Forty greys of it."""
    found = resolution_of_target(target(512, 500, 1.0, 2, noise=40), 1.0)
    assert (found.x_ppi, found.y_ppi) == pytest.approx((512, 500), abs=1)


@pytest.mark.parametrize(
    "image",
    [
        np.full((290, 384), 250, np.uint8),
        np.random.default_rng(1).integers(0, 255, (290, 384)).astype(np.uint8),
        synthetic_finger(1),
    ],
    ids=["empty", "noise", "finger"],
)
def test_what_is_no_target(image: Pixels) -> None:
    """It is refused, not measured."""
    with pytest.raises(TargetNotSeen):
        resolution_of_target(image, 1.0)


def test_lines_in_one_direction_are_not_enough() -> None:
    """They say nothing of the other one."""
    stripes = np.tile(np.where(np.arange(384) % 20 < 7, 60, 240).astype(np.uint8), (290, 1))
    noisy = np.clip(stripes + np.random.default_rng(2).normal(0, 4, stripes.shape), 0, 255).astype(np.uint8)
    with pytest.raises(TargetNotSeen):
        resolution_of_target(noisy, 1.0)


@pytest.mark.parametrize("pitch_mm", [0.0, -1.0, 0.1, 50.0, float("nan")])
def test_a_pitch_that_cannot_be(pitch_mm: float) -> None:
    """The detail says what can be measured."""
    with pytest.raises(TargetNotSeen, match=r"0\.3 to 3 mm"):
        resolution_of_target(target(512, 512, 1.0), pitch_mm)


def test_a_wrong_pitch_gives_no_nonsense() -> None:
    """A target of 1 mm called 3 mm: no resolution that a reader could have fits the strongest lines."""
    try:
        found = resolution_of_target(target(512, 512, 1.0), 3.0)
    except TargetNotSeen:
        return
    assert 250 <= found.x_ppi <= 1200
