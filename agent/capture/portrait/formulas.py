"""From native values to quality components 0..100 (ISO/IEC 29794-5; formulas as in its reference implementation)."""

from __future__ import annotations

import math


def logistic(x: float) -> float:
    """Return 1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, x))))


def quality(x: float, h: float, a: float, s: float, x0: float, w: float) -> int:
    """Return clip(round(h (a + s S((x - x0) / w))), 0, 100)."""
    return clip(h * (a + s * logistic((x - x0) / w)))


def clip(value: float) -> int:
    """Round into 0..100."""
    return max(0, min(100, round(value)))


def luminance_mean(m: float) -> int:
    """Scalar of the mean luminance, m in 0..1."""
    return clip(100 * logistic((m - 0.2) / 0.05) * (1 - logistic((m - 0.8) / 0.05)))


def luminance_variance(v: float) -> int:
    """Scalar of the luminance variance, v in 0..1 squared."""
    return clip(100 * math.sin(math.pi * 60 * v / (60 * v + 1)))


def under_exposure(share: float) -> int:
    """Scalar of the share of dark pixels."""
    return quality(share, 120, 0.832, -1, 0.92, 0.05)


def over_exposure(share: float) -> int:
    """Scalar of the share of burnt-out pixels."""
    return clip(1 / (share + 0.01))


def dynamic_range(bits: float) -> int:
    """Scalar of the entropy in bits."""
    return clip(12.5 * bits)


def illumination_uniformity(overlap: float) -> int:
    """Scalar of the cheeks' histogram intersection."""
    return clip(100 * overlap**0.3)


def natural_colour(distance: float) -> int:
    """Scalar of the cheek colour's distance from the natural range."""
    return quality(distance, 200, 1, -1, 0, 10)


def eyes_open(gap: float) -> int:
    """Scalar of the smaller lid gap / T."""
    return quality(gap, 100, 0, 1, 0.02, 0.01)


def mouth_closed(gap: float) -> int:
    """Scalar of the inner lips' gap / T."""
    return quality(gap, 100, 1, -1, 0.2, 0.06)


def inter_eye_distance(pixels: float) -> int:
    """Scalar of the inter-eye distance."""
    return quality(pixels, 100, 0, 1, 70, 20)


def angle(degrees: float) -> int:
    """Scalar of a pose angle."""
    return clip(100 * math.cos(math.radians(degrees)) ** 2)


def single_face(ratio: float) -> int:
    """Scalar of the second face's area over the first one's."""
    return clip(100 * (1 - ratio))


def background_uniformity(gradient: float) -> int:
    """Scalar of the mean gradient off the person."""
    return quality(gradient, 190, 1, -1, 10, 100)


def head_size(share: float) -> int:
    """Scalar of |T/H - .45|."""
    return quality(share, 200, 1, -1, 0, 0.05)


def side_margin(share: float) -> int:
    """Scalar of the distance from an eye's centre to its side's edge over the inter-eye distance."""
    return quality(share, 100, 0, 1, 0.9, 0.1)


def margin_above(share: float) -> int:
    """Scalar of the distance from the eyes to the upper edge over T."""
    return quality(share, 100, 0, 1, 1.4, 0.1)


def margin_below(share: float) -> int:
    """Scalar of the distance from the eyes to the lower edge over T."""
    return quality(share, 100, 0, 1, 1.8, 0.1)
