"""Everything said about one print."""

import numpy as np
import pytest

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.quality.assessment import assess
from agent.capture.fingerprint.quality.errors import PrintTooLarge, WrongPixels
from agent.capture.fingerprint.quality.measures import measure
from agent.capture.fingerprint.quality.score import SCORE_NAME, kiosk_fingerprint_score
from tests.capture.fingerprint.quality.prints import noisy, ridge_pattern, skin


def test_it_holds_measures_score_and_gates() -> None:
    """All of one picture."""
    found = assess(ridge_pattern())
    assert found.measures == measure(ridge_pattern())
    assert found.score == kiosk_fingerprint_score(found.measures)
    assert not found.refused
    scored = found.checks[-1]
    assert (scored.name, scored.scalar, scored.gate) == (SCORE_NAME, found.score, False)


def test_a_gate_refuses_whatever_the_score_says() -> None:
    """Noise that still scores is refused."""
    found = assess(noisy(ridge_pattern(), 60))
    assert found.score is not None
    assert found.refused


@pytest.mark.parametrize(
    "picture",
    [np.zeros((560, 416), np.uint8), np.full((560, 416), 255, np.uint8), np.zeros((1, 1), np.uint8)],
    ids=["black", "white", "1x1"],
)
def test_a_picture_with_nothing_on_it_is_refused_without_a_score(
    picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
) -> None:
    """No score is invented; the check says why."""
    found = assess(picture)
    assert found.refused
    assert found.score is None
    assert not found.measures
    assert found.checks[-1].verdict is Verdict.NOT_ASSESSED


def test_pictures_that_are_no_print_at_all_are_errors() -> None:
    """A mistake of the caller is not a bad print."""
    with pytest.raises(WrongPixels):
        assess(np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(PrintTooLarge):
        assess(np.zeros((3000, 3000), np.uint8))


def test_measures_do_not_show_in_the_repr() -> None:
    """They are biometric figures; logs need none of them."""
    assert "LCS" not in repr(assess(ridge_pattern()))


def test_skin_has_reasons() -> None:
    """The refusal can be told to a person."""
    assert any("needed" in check.reason for check in assess(skin(2.0, 1)).checks)
