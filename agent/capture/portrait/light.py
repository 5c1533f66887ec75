"""Light and colour of the aligned face (ISO/IEC 29794-5, 7.3)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait import formulas
from agent.capture.portrait.alignment import AlignedFace, cheeks
from agent.capture.portrait.measures import Measure
from agent.devices.seams import Pixels

_DARK_TO = 25
_BURNT_FROM = 247
_NATURAL_A, _NATURAL_B = (5.0, 25.0), (5.0, 35.0)
# sRGB to linear light (IEC 61966-2-1) times the weight of blue, green and red in Y, by table.
_X = np.arange(256) / 255
_LINEAR = np.where(_X <= 0.04045, _X / 12.92, ((_X + 0.055) / 1.055) ** 2.4)
_WEIGHTED = (_LINEAR[:, None] * np.array([0.0722, 0.7152, 0.2126]) * 255).astype(np.float32)[None]
_SUM = np.ones((1, 3), np.float32)
_LEVELS = np.arange(256) / 255


def luminance(pixels: Pixels) -> Pixels:
    """Return linear-light luminance, Y x 255 rounded, of a BGR picture."""
    return np.asarray(cv2.convertScaleAbs(cv2.transform(cv2.LUT(pixels, _WEIGHTED), _SUM)), np.uint8)


def measure_light(face: AlignedFace) -> list[Measure]:
    """Return the luminance, exposure, uniformity and colour measures."""
    shares = histogram(luminance(face.pixels), face.mask)
    mean = float(shares @ _LEVELS)
    variance = float(shares @ np.square(_LEVELS - mean))
    dark, burnt = float(shares[: _DARK_TO + 1].sum()), float(shares[_BURNT_FROM:].sum())
    seen = shares[shares > 0]
    bits = max(0.0, float(-np.sum(seen * np.log2(seen))))
    return [
        Measure("luminance_mean", mean, "", formulas.luminance_mean(mean)),
        Measure("luminance_variance", variance, "", formulas.luminance_variance(variance)),
        Measure("under_exposure_prevention", dark, "share", formulas.under_exposure(dark)),
        Measure("over_exposure_prevention", burnt, "share", formulas.over_exposure(burnt)),
        Measure("dynamic_range", bits, "bit", formulas.dynamic_range(bits)),
        *_measure_cheeks(face),
    ]


def histogram(grey: Pixels, mask: Pixels | None = None) -> NDArray[np.float64]:
    """Return the shares of the 256 values (where the mask is set); all 0 when there is no pixel."""
    counts = np.asarray(cv2.calcHist([grey], [0], mask, [256], [0, 256]), np.float64).ravel()
    return counts / max(1.0, float(counts.sum()))


def unnaturalness(lab: NDArray[np.floating]) -> float:
    """Return the distance of a mean L*, a*, b* from the natural range; 100 when a* or b* is negative."""
    _, a, b = (float(value) for value in lab)
    if a < 0 or b < 0:
        return 100.0
    return float(np.hypot(_outside(a, _NATURAL_A), _outside(b, _NATURAL_B)))


def _measure_cheeks(face: AlignedFace) -> list[Measure]:
    right, left = cheeks(face)
    if not right.size or not left.size:
        reason = "a cheek is outside the picture"
        names = ("illumination_uniformity", "natural_colour")
        return [Measure(name, None, reason=reason) for name in names]
    uniform = float(np.minimum(histogram(luminance(right)), histogram(luminance(left))).sum())
    colour = unnaturalness((_mean_lab(right) + _mean_lab(left)) / 2)
    return [
        Measure("illumination_uniformity", uniform, "", formulas.illumination_uniformity(uniform)),
        Measure("natural_colour", colour, "Lab", formulas.natural_colour(colour)),
    ]


def _mean_lab(pixels: Pixels) -> NDArray[np.float64]:
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return np.asarray(lab.reshape(-1, 3).mean(axis=0), np.float64)


def _outside(value: float, limits: tuple[float, float]) -> float:
    return max(limits[0] - value, 0.0, value - limits[1])
