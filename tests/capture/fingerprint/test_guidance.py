"""What people are told, and when."""

from __future__ import annotations

import pytest

from agent.capture.evidence import Guidance
from agent.capture.fingerprint.advice import Advice
from agent.capture.fingerprint.guidance import Coach, same_finger


class Ears:
    """Notes what was said."""

    def __init__(self) -> None:
        self.heard: list[Guidance] = []

    def __call__(self, guidance: Guidance) -> None:
        """Hear one sentence."""
        self.heard.append(guidance)

    @property
    def codes(self) -> list[str]:
        """Without their common beginning."""
        return [one.code.removeprefix("fingerprint.") for one in self.heard]


@pytest.fixture
def ears() -> Ears:
    """Listen."""
    return Ears()


@pytest.fixture
def coach(ears: Ears) -> Coach:
    """Make a coach in the middle of the first touch."""
    coach = Coach(ears)
    coach.new_touch()
    return coach


def test_one_frame_says_nothing(coach: Coach, ears: Ears) -> None:
    """A finger that is just landing looks small for a frame."""
    for advice in (Advice.FLAT, None, Advice.HARDER, Advice.FLAT, None):
        coach.frame(advice)
    assert ears.codes == []


def test_two_frames_say_it_once(coach: Coach, ears: Ears) -> None:
    """It is not repeated while it lasts; something else is said."""
    for advice in [Advice.FLAT] * 5 + [Advice.LEFT] * 3:
        coach.frame(advice)
    assert ears.codes == ["flat", "left"]


@pytest.mark.parametrize(("first", "then"), [(Advice.HARDER, "dry"), (Advice.LIGHTER, "wet")])
def test_what_did_not_help_goes_deeper(coach: Coach, ears: Ears, first: Advice, then: str) -> None:
    """Pressing did not help in the attempt before: the finger itself is dry or wet."""
    coach.say(first)
    coach.new_touch()
    coach.say(first)
    assert ears.codes == [str(first), then]


def test_other_advice_stays_the_same(coach: Coach, ears: Ears) -> None:
    """A second attempt may need the same word."""
    for _ in range(2):
        coach.say(Advice.WIPE)
        coach.new_touch()
    assert ears.codes == ["wipe", "wipe"]


@pytest.mark.parametrize("advice", Advice)
def test_every_advice_has_both_languages(ears: Ears, advice: Advice) -> None:
    """Vietnamese first, and not the same words."""
    Coach(ears).say(advice)
    (said,) = ears.heard
    assert said.words.vi
    assert said.words.en
    assert said.words.vi != said.words.en


def test_the_same_finger_is_named_with_the_one_that_is_wanted() -> None:
    """Both fingers, in both languages."""
    words = same_finger("left_index", "right_index").words
    assert words.vi == "Đây là ngón đã lấy làm ngón trỏ phải. Hãy đặt ngón trỏ trái."
    assert words.en == "This finger was taken before as the right index finger. Place the left index finger."
