"""What a preview frame asks of the person."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.fingers import Impression, master, natural, press

from agent.capture.fingerprint import FingerprintPolicy
from agent.capture.fingerprint.advice import Advice, advise, area_px, change
from agent.capture.fingerprint.quality import Preview, judge_preview
from agent.devices.seams import FingerImage, Pixels

GOOD = synthetic_finger(1)
WHITE = np.uint8(250)


def image(pixels: Pixels, x_ppi: float = 512, y_ppi: float = 512) -> FingerImage:
    """Return a frame of the reader."""
    return FingerImage(pixels, x_ppi, y_ppi, 0.0)


def advice(pixels: Pixels) -> Advice | None:
    """Return what the default policy says."""
    return advise(image(pixels), judge_preview(pixels), FingerprintPolicy())


def shown(rows: slice, columns: slice) -> Pixels:
    """Return a finger of which only a part touches the glass."""
    picture = np.full_like(GOOD, WHITE)
    picture[rows, columns] = GOOD[rows, columns]
    return picture


@pytest.mark.parametrize("seed", range(8))
def test_a_good_finger_needs_no_advice(seed: int) -> None:
    """It may be taken by itself."""
    assert advice(synthetic_finger(seed)) is None


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full_like(GOOD, WHITE), Advice.HARDER),
        (np.clip(255 - (255 - GOOD.astype(int)) * 0.2, 0, 255).astype(np.uint8), Advice.HARDER),
        ((GOOD * 0.4).astype(np.uint8), Advice.LIGHTER),
        (shown(np.s_[:], np.s_[:170]), Advice.RIGHT),
        (shown(np.s_[:], np.s_[220:]), Advice.LEFT),
        (shown(np.s_[:120], np.s_[:]), Advice.DOWN),
        (shown(np.s_[170:], np.s_[:]), Advice.UP),
        (shown(np.s_[60:230], np.s_[100:290]), Advice.FLAT),
        (np.random.default_rng(1).integers(60, 200, GOOD.shape).astype(np.uint8), Advice.WIPE),
    ],
    ids=["empty", "faint", "dark", "left", "right", "top", "bottom", "small", "noise"],
)
def test_each_fault_has_its_advice(pixels: Pixels, expected: Advice) -> None:
    """One word each; a finger that lies on one side is told to go to the other."""
    assert advice(pixels) is expected


@pytest.mark.parametrize("number", range(6))
def test_natural_touches_are_taken_by_themselves(number: int) -> None:
    """As people make them without help."""
    assert advice(press(master(number), natural(number))) is None


@pytest.mark.parametrize(
    ("touch", "expected"),
    [
        (Impression(moisture=0.0), Advice.HARDER),
        (Impression(coverage=0.5), Advice.FLAT),
        (Impression(right_px=180), Advice.LEFT),
        (Impression(right_px=-180), Advice.RIGHT),
        (Impression(down_px=150), Advice.UP),
        (Impression(down_px=-150), Advice.DOWN),
    ],
    ids=["dry", "small", "right", "left", "low", "high"],
)
def test_touches_that_need_advice(touch: Impression, expected: Advice) -> None:
    """Impressions of a synthetic finger with one fault each."""
    assert advice(press(master(3), touch)) is expected


def test_area_is_at_500_ppi_both_ways() -> None:
    """A finer reader, or one with oblong pixels, does not make a larger finger."""
    seen = Preview(0.5, 0, 0, 60, 150, 0.9)
    assert area_px(image(GOOD, 1000, 500), seen) == pytest.approx(GOOD.size / 4)


def test_a_finger_at_rest_changes_little_and_a_moved_one_much() -> None:
    """Noise of the reader lies well below, half a ridge of movement well above the limit."""
    random, limit = np.random.default_rng(3), FingerprintPolicy().preview.moving
    noise = random.normal(0, 5, GOOD.shape)
    rest = image(np.clip(GOOD + noise, 0, 255).astype(np.uint8))
    shift = np.array([[1, 0, 4], [0, 1, 3]], np.float64)
    moved = np.asarray(cv2.warpAffine(GOOD, shift, GOOD.shape[::-1], borderValue=250), np.uint8)
    contrast = judge_preview(GOOD).contrast or 0.0
    assert change(image(GOOD), rest, contrast) < limit / 2
    assert change(image(GOOD), image(moved), contrast) > limit * 1.5


def test_frames_of_different_size_are_not_alike() -> None:
    """A reader that changes its frame is not at rest."""
    assert change(image(GOOD), image(GOOD[:200]), 50) == float("inf")
