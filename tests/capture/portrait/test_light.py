"""Luminance, exposure and colour on patches whose values are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.capture.portrait.alignment import AlignedFace
from agent.capture.portrait.light import histogram, luminance, measure_light, unnaturalness
from agent.devices.seams import Pixels
from tests.capture.portrait.faces import mesh

SIDE = 200


def _face(pixels: Pixels) -> AlignedFace:
    """Return an aligned face that is skin all over, with the cheeks around (50, 110) and (150, 110)."""
    points = mesh((50, 60), (150, 60), (100, 180), {61: (50, 160), 291: (150, 160)}).points[:, :2]
    return AlignedFace(pixels, np.full(pixels.shape[:2], 255, np.uint8), points)


def _grey(*values: int) -> Pixels:
    """Return vertical stripes of equal width."""
    columns = np.repeat(np.array(values, np.uint8), SIDE // len(values))
    return np.ascontiguousarray(np.broadcast_to(columns[None, :, None], (SIDE, SIDE, 3)))


def _native(pixels: Pixels) -> dict[str, float]:
    found = {one.name: one.native for one in measure_light(_face(pixels))}
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("bgr", "expected"),
    [
        ((0, 0, 0), 0),
        ((255, 255, 255), 255),
        ((128, 128, 128), 55),  # .2159 of full light
        ((255, 0, 0), 18),  # blue weighs .0722
        ((0, 255, 0), 182),  # green weighs .7152
        ((0, 0, 255), 54),  # red weighs .2126
        ((10, 10, 10), 1),  # the straight piece: 10 / 255 / 12.92 * 255 = .77
    ],
)
def test_luminance_is_linear_light(bgr: tuple[int, int, int], expected: int) -> None:
    """L is Y of linear sRGB (IEC 61966-2-1) times 255."""
    assert luminance(np.full((2, 2, 3), bgr, np.uint8)).tolist() == [[expected] * 2] * 2


def test_moments_and_entropy_of_two_equal_halves() -> None:
    """Half black, half white: mean .5, variance .25, entropy 1 bit, half under- and half over-exposed."""
    native = _native(_grey(0, 255))
    assert native["luminance_mean"] == pytest.approx(0.5)
    assert native["luminance_variance"] == pytest.approx(0.25)
    assert native["dynamic_range"] == pytest.approx(1.0)
    assert native["under_exposure_prevention"] == pytest.approx(0.5)
    assert native["over_exposure_prevention"] == pytest.approx(0.5)


def test_entropy_of_one_and_of_four_values() -> None:
    """One value has 0 bits, four equally frequent ones have 2."""
    assert _native(_grey(128))["dynamic_range"] == 0
    assert _native(_grey(60, 120, 180, 240))["dynamic_range"] == pytest.approx(2.0)


def test_exposure_limits_are_25_and_247() -> None:
    """L of 25 is dark and 26 is not; 247 is burnt out and 246 is not."""
    stripes = [np.full((SIDE, SIDE // 4, 3), _colour(level), np.uint8) for level in (25, 26, 246, 247)]
    native = _native(np.hstack(stripes))
    assert native["under_exposure_prevention"] == pytest.approx(0.25)
    assert native["over_exposure_prevention"] == pytest.approx(0.25)


def _colour(level: int) -> tuple[int, int, int]:
    """Return some colour with this luminance: blue weighs little and so tunes it finely."""
    for grey in range(256):
        blues = np.array([[(blue, grey, grey) for blue in range(256)]], np.uint8)
        hits = np.flatnonzero(luminance(blues)[0] == level)
        if hits.size:
            return int(hits[0]), grey, grey
    raise AssertionError(level)


def test_only_the_mask_counts() -> None:
    """What lies outside the face's hull does not enter the histogram."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, :50] = 255
    shares = histogram(_grey(10, 20, 30, 40)[..., 0].copy(), mask)
    assert shares[10] == 1.0
    assert histogram(_grey(10)[..., 0].copy(), np.zeros((SIDE, SIDE), np.uint8)).sum() == 0


def test_uniformity_is_the_overlap_of_the_cheeks() -> None:
    """Equal cheeks overlap fully, a bright and a dark one not at all, and one that is half each by a half."""
    assert _native(_grey(128))["illumination_uniformity"] == pytest.approx(1.0)
    assert _native(_grey(60, 200))["illumination_uniformity"] == pytest.approx(0.0)
    half = _grey(128)
    half[110:, 100:] = 30  # the left cheek's square is 95..125
    assert _native(half)["illumination_uniformity"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("lab", "distance"),
    [
        ((60, 15, 20), 0),
        ((60, 5, 35), 0),
        ((60, 28, 39), 5),  # 3 and 4 outside
        ((60, 2, 20), 3),
        ((60, -1, 20), 100),
        ((60, 20, -0.5), 100),
    ],
)
def test_natural_colour_is_the_distance_from_skin(lab: tuple[float, ...], distance: float) -> None:
    """The distance is taken from a* in [5, 25] and b* in [5, 35]; a negative one is 100."""
    assert unnaturalness(np.array(lab)) == pytest.approx(distance)


def test_skin_is_natural_and_blue_is_not() -> None:
    """A skin tone has distance 0, a blue face 100."""
    skin = cv2.cvtColor(np.full((SIDE, SIDE, 3), (65, 15, 20), np.float32), cv2.COLOR_Lab2BGR)
    assert _native(np.rint(skin * 255).astype(np.uint8))["natural_colour"] == pytest.approx(0, abs=0.5)
    assert _native(np.full((SIDE, SIDE, 3), (200, 60, 30), np.uint8))["natural_colour"] == 100


def test_cheeks_outside_the_picture_are_not_assessed() -> None:
    """A face whose cheek was cut off gets no value, but a reason."""
    face = _face(_grey(128))
    away = AlignedFace(face.pixels, face.mask, face.points + np.float32(500))
    found = {one.name: one for one in measure_light(away)}
    for name in ("illumination_uniformity", "natural_colour"):
        assert found[name].native is None
        assert found[name].reason
