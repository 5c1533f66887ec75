"""Resampling to 500 x 500 ppi."""

import numpy as np
import pytest

from agent.capture.fingerprint.quality.errors import PrintTooLarge, PrintTooSmall, WrongPixels, WrongResolution
from agent.capture.fingerprint.quality.measures import measure
from agent.capture.fingerprint.quality.resolution import resample
from agent.devices.seams import Pixels
from tests.capture.fingerprint.quality.prints import ridge_pattern


def stripes(height: int, width: int, x_period: float, y_period: float) -> Pixels:
    """Return crossed waves."""
    y, x = np.mgrid[:height, :width]
    grey = 128 + 60 * np.sin(2 * np.pi * x / x_period) + 60 * np.sin(2 * np.pi * y / y_period)
    return np.asarray(np.rint(grey), np.uint8)


def period(profile: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Measure a wave's period by its upward crossings of the mean, placed between the pixels."""
    level = profile - profile.mean()
    at = np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0))
    crossings = at - level[at] / (level[at + 1] - level[at])
    return float(np.diff(crossings).mean())


@pytest.mark.parametrize(
    ("x_ppi", "y_ppi"), [(512.0, 512.0), (480.0, 505.5), (1000.0, 1000.0), (500.0, 400.0), (300.0, 700.0)]
)
def test_distances_become_those_of_500_ppi(x_ppi: float, y_ppi: float) -> None:
    """A wave of 20 pixels at x_ppi is 20 * 500 / x_ppi pixels long afterwards, each axis by its own resolution."""
    found = resample(stripes(400, 360, 20, 25), x_ppi, y_ppi)
    assert found.shape == (round(400 * 500 / y_ppi), round(360 * 500 / x_ppi))
    assert period(found.mean(axis=0)) == pytest.approx(20 * 500 / x_ppi, rel=0.01)
    assert period(found.mean(axis=1)) == pytest.approx(25 * 500 / y_ppi, rel=0.01)


def test_500_ppi_is_left_alone() -> None:
    """The picture itself comes back, no copy."""
    picture = stripes(100, 100, 9, 9)
    assert resample(picture, 500, 500) is picture


def test_greys_keep_their_mean() -> None:
    """Neither darker nor lighter."""
    picture = stripes(290, 384, 11, 13)
    assert resample(picture, 512, 512).mean() == pytest.approx(picture.mean(), abs=0.5)


def test_fine_patterns_do_not_fold_over_into_ridges() -> None:
    """At 1000 ppi a line on every second pixel is finer than any ridge: it averages out to grey."""
    picture = np.zeros((400, 400), np.uint8)
    picture[:, ::2] = 255
    assert resample(picture, 1000, 1000).std() < 2


def test_a_print_taken_at_512_ppi_measures_as_at_500() -> None:
    """Drawn 2.4 % larger and resampled, the pattern has the measures of the pattern drawn at 500 ppi."""
    larger = resample(ridge_pattern(), 500 / 1.024, 500 / 1.024)
    back, plain = measure(resample(larger, 512, 512)), measure(ridge_pattern())
    for name in ("LCS_Bin10_Mean", "OCL_Bin10_Mean", "OrientationMap_ROIFilter_CoherenceRel"):
        assert back[name] == pytest.approx(plain[name], abs=0.03)


@pytest.mark.parametrize("ppi", [0.0, -500.0, float("nan"), float("inf"), 249.9, 1200.1])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_an_impossible_resolution_is_refused(ppi: float, axis: str) -> None:
    """A calibration that cannot be true is named before anything is computed."""
    resolutions = (ppi, 500.0) if axis == "x" else (500.0, ppi)
    with pytest.raises(WrongResolution):
        resample(stripes(100, 100, 9, 9), *resolutions)


def test_wrong_pictures_are_refused() -> None:
    """The same checks as for the measures."""
    with pytest.raises(WrongPixels):
        resample(np.zeros((100, 100, 3), np.uint8), 512, 512)
    with pytest.raises(PrintTooSmall):
        resample(np.zeros((1, 1), np.uint8), 512, 512)
    with pytest.raises(PrintTooLarge):
        resample(np.zeros((5000, 100), np.uint8), 512, 512)
