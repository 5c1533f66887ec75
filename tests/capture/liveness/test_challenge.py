"""The challenge of a seed: the same for everybody, safe for everybody, and hard to guess."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.liveness.challenge import HOLD_S, LIGHT, MOST_CHANGES_PER_S, Colour, Turn, draw

SEEDS = st.binary(min_size=16, max_size=16)


@given(SEEDS, st.integers(1, 5), st.integers(2, 8))
def test_nothing_comes_twice_running_and_every_channel_is_lit(seed: bytes, turns: int, colours: int) -> None:
    """Each step is a change that can be seen, and red, green and blue are each answered once."""
    challenge = draw(seed, turns, colours)
    for items in (challenge.turns, challenge.colours):
        assert all(one != other for one, other in pairwise(items))
    assert [max(LIGHT[colour][channel] for colour in challenge.colours) for channel in range(3)] == [1.0] * 3
    assert (len(challenge.turns), len(challenge.colours)) == (turns, colours)


@given(SEEDS)
def test_a_seed_gives_one_challenge(seed: bytes) -> None:
    """Drawn again, it is the same."""
    assert draw(seed, 2, 5) == draw(seed, 2, 5)


def test_the_challenge_of_a_known_seed_is_fixed() -> None:
    """A vector for collectors in other languages."""
    challenge = draw(bytes(range(16)), 2, 5)
    assert challenge.turns == VECTOR[0]
    assert challenge.colours == VECTOR[1]


VECTOR: tuple[tuple[Turn, ...], tuple[Colour, ...]] = (
    (
        Turn.LEFT,
        Turn.RIGHT,
    ),
    (
        Colour.MAGENTA,
        Colour.CYAN,
        Colour.BLUE,
        Colour.MAGENTA,
        Colour.CYAN,
    ),
)


def test_no_colour_is_a_saturated_red_and_changes_are_slow() -> None:
    """WCAG 2.3.1: red share below 0.8, and at most three changes a second."""
    assert all(light[0] / sum(light) < 0.8 for light in LIGHT.values())
    assert 1 / HOLD_S <= MOST_CHANGES_PER_S


def test_seeds_give_many_different_challenges() -> None:
    """Of 2000 seeds no challenge is drawn for more than one in a hundred."""
    drawn = [draw(number.to_bytes(16), 2, 5) for number in range(2000)]
    assert max(drawn.count(one) for one in set(drawn)) <= 20
    assert {turn for one in drawn for turn in one.turns} == set(Turn)


@pytest.mark.parametrize(("seed", "turns", "colours"), [(b"short", 2, 5), (bytes(16), -1, 5), (bytes(16), 2, 1)])
def test_what_is_no_challenge_is_refused(seed: bytes, turns: int, colours: int) -> None:
    """A wrong seed, and sizes that cannot be."""
    with pytest.raises(ValueError, match="not the seed"):
        draw(seed, turns, colours)
