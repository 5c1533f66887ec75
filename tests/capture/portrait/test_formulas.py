"""Each scalar of ISO/IEC 29794-5 against values worked out by hand from the published formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.portrait import formulas

# S(0) = 1/2, S(1) = .73106, S(2) = .88080, S(4) = .98201, S(8) = .99966.
BY_HAND: list[tuple[Callable[[float], int], float, int]] = [
    (formulas.luminance_mean, 0.2, 50),  # S(0) (1 - S(-12))
    (formulas.luminance_mean, 0.5, 100),  # S(6) (1 - S(-6)) = .9951
    (formulas.luminance_mean, 0.25, 73),  # S(1)
    (formulas.luminance_mean, 0.9, 12),  # 1 - S(2)
    (formulas.luminance_variance, 0.0, 0),
    (formulas.luminance_variance, 1 / 60, 100),  # sin(pi / 2)
    (formulas.luminance_variance, 1 / 180, 71),  # 60 v = 1/3: sin(pi / 4)
    (formulas.under_exposure, 0.0, 100),  # 120 * .832 = 99.84
    (formulas.under_exposure, 0.92, 40),  # 120 (.832 - .5) = 39.84
    (formulas.under_exposure, 1.0, 0),  # 120 (.832 - S(1.6)) < .1
    (formulas.over_exposure, 0.0, 100),
    (formulas.over_exposure, 0.01, 50),
    (formulas.over_exposure, 0.19, 5),
    (formulas.dynamic_range, 8.0, 100),
    (formulas.dynamic_range, 4.0, 50),
    (formulas.illumination_uniformity, 1.0, 100),
    (formulas.illumination_uniformity, 0.5, 81),  # 2 ** -.3
    (formulas.illumination_uniformity, 0.0, 0),
    (formulas.natural_colour, 0.0, 100),  # 200 * .5
    (formulas.natural_colour, 10.0, 54),  # 200 (1 - S(1)) = 53.8
    (formulas.natural_colour, 100.0, 0),
    (formulas.eyes_open, 0.02, 50),
    (formulas.eyes_open, 0.03, 73),
    (formulas.eyes_open, 0.0, 12),  # S(-2)
    (formulas.mouth_closed, 0.2, 50),
    (formulas.mouth_closed, 0.08, 88),  # 1 - S(-2)
    (formulas.inter_eye_distance, 70, 50),
    (formulas.inter_eye_distance, 90, 73),
    (formulas.head_size, 0.0, 100),
    (formulas.head_size, 0.05, 54),
    (formulas.side_margin, 0.9, 50),
    (formulas.side_margin, 1.1, 88),
    (formulas.margin_above, 1.4, 50),
    (formulas.margin_above, 1.5, 73),
    (formulas.margin_below, 1.8, 50),
    (formulas.margin_below, 1.6, 12),
    (formulas.angle, 0, 100),
    (formulas.angle, 5, 99),
    (formulas.angle, -30, 75),
    (formulas.angle, 90, 0),
    (formulas.single_face, 0.0, 100),
    (formulas.single_face, 0.25, 75),
    (formulas.background_uniformity, 10, 95),  # 190 * .5
    (formulas.background_uniformity, 110, 51),  # 190 (1 - S(1)) = 51.1
]


@pytest.mark.parametrize(("formula", "native", "scalar"), BY_HAND)
def test_scalar_is_what_the_formula_gives_by_hand(formula: Callable[[float], int], native: float, scalar: int) -> None:
    """The scalar of a native value is the one worked out with pencil and paper."""
    assert formula(native) == scalar


def test_logistic_is_the_logistic_function() -> None:
    """S(0) is a half, S(1) is 1 / (1 + 1/e), and far values do not overflow."""
    assert formulas.logistic(0) == 0.5
    assert formulas.logistic(1) == pytest.approx(1 / (1 + 1 / math.e))
    assert formulas.logistic(-1e9) == pytest.approx(0)
    assert formulas.logistic(1e9) == pytest.approx(1)


@pytest.mark.parametrize("formula", list(dict.fromkeys(one[0] for one in BY_HAND)))
@settings(max_examples=25)
@given(native=st.floats(0, 1000))
def test_every_scalar_lies_between_0_and_100(formula: Callable[[float], int], native: float) -> None:
    """No native value gives a scalar outside the range of ISO/IEC 29794-1."""
    assert 0 <= formula(native) <= 100
