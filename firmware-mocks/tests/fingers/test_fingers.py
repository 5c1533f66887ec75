"""Synthetic prints: reproducible, alike for one finger, unlike for two, and worse where they are meant to be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from firmware_mocks.fingers import Impression, Master, Pattern, blank, master, natural, plain_skin, press
from firmware_mocks.fingers.__main__ import main
from firmware_mocks.fingers.landscape import landscape
from firmware_mocks.fingers.pattern import SHARES, orientation
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_BLOCK, _REACH = 60, 14


def likeness(one: Pixels, other: Pixels) -> float:
    """Say how alike two prints are: blocks of one sought near the same place in the other, best correlations' mean."""
    found = []
    for top in range(55, 190, _BLOCK):
        for left in range(100, 240, _BLOCK):
            block = one[top : top + _BLOCK, left : left + _BLOCK]
            area = other[top - _REACH : top + _BLOCK + _REACH, left - _REACH : left + _BLOCK + _REACH]
            found.append(float(cv2.matchTemplate(area, block, cv2.TM_CCOEFF_NORMED).max()))
    return float(np.mean(found))


def spectrum_peak_px(picture: Pixels) -> float:
    """Return the period, in pixels, of the strongest wave in a picture's middle."""
    middle = picture[60:230, 100:270].astype(np.float64)
    window = np.outer(np.hanning(170), np.hanning(170))
    power = np.abs(np.fft.fft2((middle - middle.mean()) * window)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(170), np.fft.fftfreq(170)))
    rings = [power[(frequency >= f) & (frequency < f + 0.005)].mean() for f in np.arange(0.02, 0.3, 0.005)]
    return float(1 / (0.0225 + 0.005 * int(np.argmax(rings))))


def clarity(picture: Pixels) -> float:
    """Return how much the greys of the middle vary along one direction rather than all: 0..1, mean of blocks."""
    gx, gy = (cv2.Sobel(picture.astype(np.float32), cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    blocks = [(slice(y, y + 32), slice(x, x + 32)) for y in range(64, 224, 32) for x in range(96, 288, 32)]
    sums = [[float((a[block] * b[block]).sum()) for a, b in ((gx, gx), (gy, gy), (gx, gy))] for block in blocks]
    return float(np.mean([np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-6) for xx, yy, xy in sums]))


class TestDeterminism:
    """The same seed gives the same pixels, another seed another print."""

    def test_the_same_seed_grows_the_same_finger(self) -> None:
        """A master grown anew, past the cache, equals the kept one."""
        kept = master(11)
        grown: Master = master.__wrapped__(11)
        assert grown.pattern is kept.pattern
        assert np.array_equal(grown.ridges, kept.ridges)
        assert np.array_equal(grown.pores, kept.pores)

    def test_the_same_touch_gives_the_same_pixels(self) -> None:
        """Two presses with equal parameters are equal in every pixel."""
        assert np.array_equal(press(master(3), natural(8)), press(master(3), natural(8)))

    def test_another_touch_of_the_same_finger_gives_other_pixels(self) -> None:
        """Chance in the touch has its own seed."""
        assert not np.array_equal(press(master(3), Impression(seed=1)), press(master(3), Impression(seed=2)))

    def test_a_kept_finger_cannot_be_changed(self) -> None:
        """Whoever shares a cached master cannot spoil it for others."""
        with pytest.raises(ValueError, match="read-only"):
            master(3).ridges[0, 0] = 1


class TestPairs:
    """Prints of one finger are alike, prints of two fingers are not."""

    def test_same_finger_pairs_are_more_alike_than_any_other_pair(self) -> None:
        """The least alike pair of one finger is clearly above the most alike pair of two."""
        first = [press(master(seed), Impression(seed=1)) for seed in range(8)]
        second = [press(master(seed), Impression(seed=2, pressure=0.65, moisture=0.55)) for seed in range(8)]
        genuine = [likeness(a, b) for a, b in zip(first, second, strict=True)]
        impostor = [likeness(first[a], second[b]) for a in range(8) for b in range(8) if a != b]
        assert min(genuine) > max(impostor) + 0.1

    def test_a_shifted_and_turned_touch_is_the_same_skin(self) -> None:
        """Undoing placement and rotation brings the two prints together again."""
        finger = master(4)
        straight = press(finger, Impression(seed=1))
        moved = press(finger, Impression(seed=2, right_px=12, down_px=-8, rotation_deg=14))
        back = cv2.getRotationMatrix2D((192.0, 145.0), 14.0, 1.0)
        shifted = cv2.warpAffine(moved, np.array([[1, 0, -12], [0, 1, 8]], np.float32), (384, 290), borderValue=250)
        undone = np.asarray(cv2.warpAffine(shifted, back, (384, 290), borderValue=250), np.uint8)
        assert likeness(straight, undone) > likeness(straight, moved) + 0.15

    def test_scars_belong_to_the_finger(self) -> None:
        """More scars keep those that were there, and two fingers have different ones."""
        few, many = master(5).scars(2), master(5).scars(4)
        assert float((few - many).max()) < 1e-6
        assert float(np.abs(master(6).scars(2) - few).max()) > 0.5


class TestAnatomy:
    """What makes it a finger: ridges at the right distance, the patterns' cores and deltas."""

    @pytest.mark.parametrize("pattern", list(Pattern))
    def test_ridges_are_nine_pixels_apart(self, pattern: Pattern) -> None:
        """At 500 ppi people's ridges are 8 to 11 pixels apart."""
        assert 7.5 < spectrum_peak_px(press(master(1, pattern), Impression())) < 11.5

    @pytest.mark.parametrize(
        ("pattern", "cores", "deltas"),
        [
            (Pattern.ARCH, 0, 0),
            (Pattern.TENTED_ARCH, 1, 1),
            (Pattern.LEFT_LOOP, 1, 1),
            (Pattern.RIGHT_LOOP, 1, 1),
            (Pattern.WHORL, 2, 2),
            (Pattern.DOUBLE_LOOP, 2, 2),
        ],
    )
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_patterns_have_their_cores_and_deltas(self, pattern: Pattern, cores: int, deltas: int, seed: int) -> None:
        """The Poincare index, counted over every 2 x 2 pixels, finds half turns forward and backward."""
        angle = orientation(pattern, np.random.default_rng(seed), 560, 480)
        ring = [angle[:-1, :-1], angle[1:, :-1], angle[1:, 1:], angle[:-1, 1:]]
        steps = [np.mod(b - a + np.pi / 2, np.pi) - np.pi / 2 for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
        turns = np.rint(sum(steps) / np.pi).astype(int)
        assert (int((turns == 1).sum()), int((turns == -1).sum())) == (cores, deltas)

    @pytest.mark.parametrize(("pattern", "side"), [(Pattern.LEFT_LOOP, -1), (Pattern.RIGHT_LOOP, 1)])
    def test_loops_open_to_their_side(self, pattern: Pattern, side: int) -> None:
        """The delta lies across from the side to which the ridges leave."""
        angle = orientation(pattern, np.random.default_rng(1), 560, 480)
        below_left, below_right = angle[400, 120], angle[400, 360]
        steep = [abs(np.sin(value)) for value in (below_left, below_right)]
        falls = np.tan(below_right if side > 0 else below_left) * side
        assert falls < 0
        assert max(steep) > 0.3

    def test_chance_takes_every_pattern(self) -> None:
        """The shares are those of people's fingers and make a whole."""
        assert set(SHARES) == set(Pattern)
        assert sum(SHARES.values()) == pytest.approx(1.0)
        assert len({master(seed).pattern for seed in range(12)}) >= 3


class TestDegradation:
    """Each parameter makes a print worse, step by step, in the way it is named for."""

    @pytest.mark.parametrize(
        "touches",
        [
            [Impression(noise=n) for n in (2, 12, 25, 50)],
            [Impression(moisture=m) for m in (0.5, 0.3, 0.1, 0.0)],
            [Impression(smear_px=s) for s in (0, 8, 14, 30)],
        ],
        ids=["noise", "dryness", "smear"],
    )
    def test_ridges_get_less_clear(self, touches: list[Impression]) -> None:
        """Ridge clarity falls with every step."""
        values = [np.mean([clarity(press(master(seed), touch)) for seed in (1, 2, 3)]) for touch in touches]
        assert all(later < earlier - 0.02 for earlier, later in pairwise(values))

    @pytest.mark.parametrize("measured", ["pressure", "moisture"])
    def test_a_harder_or_wetter_touch_is_darker(self, measured: str) -> None:
        """More skin on the glass means darker greys."""
        greys = [press(master(2), _with(measured, value)).mean() for value in (0.5, 0.6, 0.8, 1.0)]
        assert all(later < earlier for earlier, later in pairwise(greys))

    def test_a_partial_touch_covers_its_share(self) -> None:
        """Coverage is a share of the area, as long as the glass does not cut the finger off."""
        areas = [_dark_area(press(master(2), _with("coverage", share))) for share in (0.2, 0.4)]
        assert areas[1] / areas[0] == pytest.approx(2.0, rel=0.2)

    def test_no_coverage_is_an_empty_glass(self) -> None:
        """Nothing touches, nothing shows."""
        assert press(master(2), _with("coverage", 0.0)).mean() > 245


class TestSurfaces:
    """What is no finger does not look like one."""

    @pytest.mark.parametrize("make", [blank, plain_skin])
    def test_surfaces_are_reproducible(self, make: Callable[[int], Pixels]) -> None:
        """The same seed gives the same pixels; another one does not."""
        assert np.array_equal(make(1), make(1))
        assert not np.array_equal(make(1), make(2))
        assert make(1).shape == (290, 384)

    def test_skin_has_no_ridges(self) -> None:
        """Skin is grey all over, but no direction stands out."""
        assert 80 < plain_skin(1).mean() < 160
        assert clarity(plain_skin(1)) < 0.25 < clarity(press(master(1), Impression()))

    def test_a_blank_is_almost_white(self) -> None:
        """The empty glass has only noise."""
        assert blank(1).mean() > 245
        assert blank(1).std() < 4


class TestParameters:
    """Impossible touches are refused, possible ones always give a picture."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("pressure", -0.1),
            ("pressure", float("nan")),
            ("moisture", 1.1),
            ("coverage", 2.0),
            ("noise", -1.0),
            ("scars", 21),
            ("smear_px", 61.0),
            ("stretch_px", -1.0),
            ("width", 0),
            ("height", 100_000),
        ],
    )
    def test_values_out_of_range_are_refused(self, name: str, value: float) -> None:
        """The error names the parameter and its range."""
        with pytest.raises(ValueError, match=f"{name} is .* are possible"):
            _with(name, value)

    @settings(max_examples=25, deadline=None)
    @given(
        touch=st.builds(
            Impression,
            seed=st.integers(0, 2**32),
            right_px=st.floats(-600, 600),
            down_px=st.floats(-600, 600),
            rotation_deg=st.floats(-720, 720),
            pressure=st.floats(0, 1),
            moisture=st.floats(0, 1),
            noise=st.floats(0, 128),
            scars=st.integers(0, 20),
            coverage=st.floats(0, 1),
            smear_px=st.floats(0, 60),
            stretch_px=st.floats(0, 60),
            width=st.integers(32, 300),
            height=st.integers(32, 300),
        )
    )
    def test_any_possible_touch_gives_a_picture(self, touch: Impression) -> None:
        """Shape and type are as asked; no warning, no error."""
        picture = press(master(1), touch)
        assert picture.shape == (touch.height, touch.width)
        assert picture.dtype == np.uint8

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=200, deadline=None)
    def test_natural_touches_are_possible(self, seed: int) -> None:
        """Chance stays within what people do."""
        touch = natural(seed)
        assert abs(touch.rotation_deg) < 45
        assert touch.smear_px == 0

    @pytest.mark.parametrize("scale", [1.0, 7.3, 5000.0])
    def test_hills_are_normed(self, scale: float) -> None:
        """Mean 0, deviation 1, whatever the scale."""
        hills = landscape(np.random.default_rng(1), 90, 70, scale)
        assert hills.shape == (90, 70)
        assert abs(float(hills.mean())) < 1e-4
        assert float(hills.std()) == pytest.approx(1.0, abs=1e-4)


class TestSheet:
    """`python -m firmware_mocks.fingers`."""

    def test_the_sheet_shows_every_kind(self, tmp_path: Path) -> None:
        """A PNG of three columns is written; tiles with fingers are darker than the blank."""
        file = tmp_path / "fingers.png"
        assert main(["--sheet", str(file), "--seed", "3"]) == 0
        sheet = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        assert sheet is not None
        assert sheet.shape[1] == 3 * (384 + 4)

    def test_a_sheet_that_cannot_be_written_says_so(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Exit status 1, and the reason on standard error."""
        assert main(["--sheet", str(tmp_path / "nowhere" / "fingers.png")]) == 1
        assert "No such file" in capsys.readouterr().err


def _with(name: str, value: float) -> Impression:
    return Impression(**{name: value})  # type: ignore[arg-type]


def _dark_area(picture: Pixels) -> int:
    smooth = cv2.GaussianBlur(picture, (0, 0), 6)
    return int((smooth < 225).sum())
