from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.pace import NS_A_MINUTE, QUIET_LOOK_S, Pace, Pacing, QuietHours

NIGHT = QuietHours(22 * 60, 6 * 60)
DAY = QuietHours(8 * 60, 17 * 60)


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        (NIGHT, 22 * 60, True),
        (NIGHT, 5 * 60 + 59, True),
        (NIGHT, 6 * 60, False),
        (NIGHT, 21 * 60 + 59, False),
        (DAY, 8 * 60, True),
        (DAY, 17 * 60, False),
        (DAY, 0, False),
        (QuietHours(60, 60), 60, False),
    ],
)
def test_quiet_hours_begin_and_end_at_their_minutes(hours: QuietHours, minute: int, quiet: bool) -> None:
    """The end is not included, hours over midnight hold on both sides, an empty span is never quiet."""
    assert hours.cover(minute) is quiet


def test_quiet_hours_are_in_the_time_of_the_place() -> None:
    """15:00 UTC is 22:00 in Viet Nam."""
    at = 15 * 60 * NS_A_MINUTE
    assert Pacing(None, (NIGHT,), 7 * 60).quiet_at(at)
    assert not Pacing(None, (NIGHT,), 0).quiet_at(at)


def test_nothing_leaves_in_quiet_hours_and_a_changed_policy_lets_it_go() -> None:
    """The pace is asked again and again, and follows another policy at once."""
    pace = Pace(Pacing(None, (QuietHours(0, 1440),)), wall_ns=lambda: 0)
    assert pace.wait_s(1) == QUIET_LOOK_S
    pace.change(Pacing())
    assert pace.wait_s(10**9) == 0


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=50), st.floats(16_384, 10**9))
def test_the_cap_holds_over_any_series_of_records(sizes: list[int], rate: float) -> None:
    """Before each record, everything sent before it has had its time at the allowed rate."""
    now = [0.0]
    pace = Pace(Pacing(rate), clock=lambda: now[0])
    sent = 0
    for size in sizes:
        while (wait := pace.wait_s(size)) > 0:
            now[0] += wait
        assert sent <= now[0] * rate * (1 + 1e-6) + 1e-3
        sent += size
