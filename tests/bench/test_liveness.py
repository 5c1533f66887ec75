"""The bench of liveness: its intervals, and that one seed is one presentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.capture.portrait import models
from agent.capture.portrait.face import FaceFinder
from bench.liveness.rates import interval
from bench.liveness.trial import run

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [(0, 300, 0.0, 0.0099), (3, 300, 0.0021, 0.0289), (0, 0, 0.0, 1.0), (10, 10, 0.741, 1.0), (5, 10, 0.187, 0.813)],
)
def test_intervals_are_clopper_and_pearson_s(errors: int, trials: int, low: float, high: float) -> None:
    """Values of the published tables; "3 of 300 has an upper bound near 3 %"."""
    assert interval(errors, trials) == pytest.approx((low, high), abs=0.0006)


def test_a_presentation_follows_from_species_and_seed() -> None:
    """The same print twice: the same frames, the same end, and it is not accepted."""
    if any(state == "missing" for _, state in models.inspect(MODELS)):
        pytest.skip("model files are not installed (kiosk models install)")
    one, other = (run("flat print", 20_001, FaceFinder(MODELS)) for _ in range(2))
    assert one.response != "accepted"
    assert (one.response, one.frames, one.checks) == (other.response, other.frames, other.checks)
