from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.backoff import LONGEST_ASKED_S, Backoff
from agent.uplink.stream import Patience


@given(st.floats(0, 1), st.integers(1, 200))
def test_waits_are_full_jitter_below_a_doubling_limit(jitter: float, failures: int) -> None:
    """Anywhere between nothing and the limit, which doubles up to the last one and stays there."""
    backoff = Backoff(lambda: jitter, first_s=1, last_s=8)
    waits = [backoff.next_s() for _ in range(failures)]
    assert waits == [jitter * limit for limit in ([1, 2, 4] + [8] * failures)[:failures]]


def test_a_success_starts_again_with_the_shortest_wait() -> None:
    """A connection that held for a day and broke once is not punished."""
    backoff = Backoff(lambda: 1, first_s=1, last_s=8)
    assert [backoff.next_s() for _ in range(3)] == [1, 2, 4]
    backoff.succeeded()
    assert backoff.next_s() == 1


def test_what_the_collector_asked_for_comes_on_top_and_counts_once() -> None:
    """Thousands of kiosks asked to wait 60 s do not come back at the same moment."""
    backoff = Backoff(lambda: 0.5, first_s=1, last_s=8)
    backoff.asked(60)
    assert backoff.next_s() == 60.5
    assert backoff.next_s() == 1


def test_a_collector_cannot_send_a_kiosk_away_for_ever() -> None:
    """2**32 milliseconds are 49 days."""
    backoff = Backoff(lambda: 0)
    backoff.asked(2**32 / 1000)
    assert backoff.next_s() == LONGEST_ASKED_S


def test_patience_grows_with_what_is_under_way() -> None:
    """32 MB on a weak line take long; giving up would start them again for ever."""
    assert Patience(ack_s=60, slowest_bytes_per_s=1000).ack_within_s(30_000) == 90
