"""The kiosk's own score: its file, its direction, its answer to spoiled prints."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.fingerprint.quality.measures import measure
from agent.capture.fingerprint.quality.score import SCORE_NAME, ScoreModel, Term, kiosk_fingerprint_score, score_model
from agent.devices.seams import Pixels
from tests.capture.fingerprint.quality.prints import (
    NIST_PRINTS,
    PATTERN,
    blurred,
    faded,
    finger,
    noisy,
    partial,
    ridge_pattern,
    smeared,
)

ALL_PRINTS = (*NIST_PRINTS, PATTERN)
# A point or two is the measures' own unrest, as block borders fall elsewhere.
UNREST = 2


def falls(pictures: list[Pixels]) -> bool:
    """Say whether the score never rises from one picture to the next, and falls from first to last."""
    scores = [kiosk_fingerprint_score(measure(picture)) for picture in pictures]
    return all(later <= earlier + UNREST for earlier, later in pairwise(scores)) and scores[-1] < scores[0]


def test_the_sum_is_taken_by_hand() -> None:
    """Base 10, one measure up to 3 units of 20 points, one that costs 5 points a unit."""
    model = ScoreModel("x", 10, (Term("up", 20, 0, 3), Term("down", -5, 1, 9)))
    assert model.score({"up": 2, "down": 3}) == 10 + 40 - 10
    assert model.score({"up": 99, "down": -7}) == 70
    assert model.score({"up": -1, "down": 99}) == 0


def test_a_missing_measure_is_an_error() -> None:
    """The score is not made of what happens to be there."""
    with pytest.raises(KeyError):
        kiosk_fingerprint_score({"Mu": 100.0})


def test_it_is_named_as_ours() -> None:
    """Nobody may take it for NIST's."""
    assert SCORE_NAME == "kiosk_fingerprint_score"
    assert score_model().version.startswith("kiosk-fingerprint-")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_measure_that_gets_better_costs_points(data: st.DataObject) -> None:
    """Whatever the other measures are, each moves the score only in its own direction, between 0 and 100."""
    model = score_model()
    values = {term.measure: data.draw(st.floats(term.low - 50, term.high + 50)) for term in model.terms}
    term = data.draw(st.sampled_from(model.terms))
    better = values | {
        term.measure: values[term.measure] + data.draw(st.floats(0, 100)) * (1 if term.slope > 0 else -1)
    }
    assert 0 <= model.score(values) <= model.score(better) <= 100


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_it_falls_with_blur(name: str) -> None:
    """The more ridges run into one another, the lower."""
    assert falls([finger(name), *(blurred(finger(name), sigma) for sigma in (1, 2, 3))])


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_it_falls_with_noise(name: str) -> None:
    """The noisier, the lower."""
    assert falls([noisy(finger(name), sigma) for sigma in (0, 15, 30, 60, 90, 130)])


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_it_falls_with_area(name: str) -> None:
    """The less finger, the lower."""
    assert falls([partial(finger(name), share) for share in (0.95, 0.8, 0.65, 0.5, 0.35)])


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_it_never_rises_as_contrast_fades(name: str) -> None:
    """The measures hardly know contrast, which the gate is for; but fading must not earn points either."""
    scores = [kiosk_fingerprint_score(measure(faded(finger(name), share))) for share in (1, 0.6, 0.3, 0.15, 0.08)]
    assert all(later <= earlier + UNREST for earlier, later in pairwise(scores))


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_a_smeared_print_scores_lower(name: str) -> None:
    """By far more than the unrest."""
    clean, smear = (kiosk_fingerprint_score(measure(picture)) for picture in (finger(name), smeared(finger(name), 31)))
    assert smear < clean - 15


def test_a_good_print_scores_high() -> None:
    """The clean pattern is above every threshold in use."""
    assert kiosk_fingerprint_score(measure(ridge_pattern())) > 60
