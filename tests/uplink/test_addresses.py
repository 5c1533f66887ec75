from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.addresses import Addresses


def test_the_first_collector_is_preferred_and_the_others_follow_in_order() -> None:
    """Each failure takes the next; only a round in which all failed calls for a long wait."""
    addresses = Addresses(("a:1", "b:1", "c:1"))
    seen, waits = [], []
    for _ in range(6):
        seen.append(addresses.current)
        waits.append(addresses.failed())
    assert seen == ["a:1", "b:1", "c:1"] * 2
    assert waits == [False, False, True] * 2


def test_a_success_starts_a_new_round() -> None:
    """After a connection every collector may be tried once more before the long wait."""
    addresses = Addresses(("a:1", "b:1"))
    assert not addresses.failed()
    addresses.succeeded()
    assert not addresses.failed()
    assert addresses.current == "a:1"


def test_the_first_is_due_again_only_after_a_while_with_another() -> None:
    """With the first nothing is due; with another the time counts from its acceptance, and anew when postponed."""
    now = [0.0]
    addresses = Addresses(("a:1", "b:1"), back_after_s=100, clock=lambda: now[0])
    now[0] = 1000.0
    assert not addresses.due_back()
    addresses.failed()
    addresses.succeeded()
    now[0] = 1099.0
    assert not addresses.due_back()
    now[0] = 1100.0
    assert addresses.due_back()
    addresses.postpone()
    assert not addresses.due_back()
    addresses.back()
    assert addresses.current == "a:1"


@given(st.integers(1, 6), st.lists(st.booleans(), max_size=60))
def test_whatever_happens_a_round_tries_every_collector(count: int, outcomes: list[bool]) -> None:
    """Between two long waits without a success each address came up exactly once."""
    addresses = Addresses([f"c{number}:1" for number in range(count)])
    tried: list[str] = []
    for success in outcomes:
        tried.append(addresses.current)
        if success:
            addresses.succeeded()
            tried = []
        elif addresses.failed():
            assert len(tried[-count:]) == len(set(tried[-count:])) == count
            tried = []
