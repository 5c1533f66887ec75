from __future__ import annotations

from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.window import Window


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@given(
    st.integers(0, 5),
    st.integers(0, 1000),
    st.lists(st.one_of(st.integers(1, 400), st.none()), max_size=60),
)
def test_no_more_is_in_flight_than_allowed(max_records: int, max_bytes: int, steps: list[int | None]) -> None:
    """Whatever comes and goes (None acknowledges the oldest): never above a limit, unless it is a single record."""
    window, in_flight, seq = Window(Clock()), list[tuple[int, int]](), 0
    window.limit(max_records, max_bytes)
    for size in steps:
        if size is None:
            if in_flight:
                window.leave(in_flight.pop(0)[0])
        elif window.enter(seq, size, 0):
            in_flight.append((seq, size))
            seq += 1
        else:
            assert in_flight, "an empty window always takes one record"
        total = sum(size for _, size in in_flight)
        assert len(in_flight) <= 1 or (len(in_flight) <= max_records and total <= max_bytes)
        assert window.waiting()[1] == total


def test_one_acknowledgement_frees_everything_up_to_it() -> None:
    """Receipts name the last record of a batch."""
    window = Window(Clock())
    window.limit(3, 100)
    assert [window.enter(seq, 10, 0) for seq in range(4)] == [True, True, True, False]
    window.leave(1)
    assert [window.enter(seq, 10, 0) for seq in range(3, 6)] == [True, True, False]


def test_a_pause_holds_records_back_until_it_is_over() -> None:
    """Pushback."""
    clock = Clock()
    window = Window(clock)
    window.pause(5)
    assert not window.enter(0, 1, 0)
    clock.now += 5
    assert window.enter(0, 1, 0)


def test_closing_lets_a_waiting_sender_go() -> None:
    """It is told that there is no place, at once."""
    window = Window()
    assert window.enter(0, 1, 0)
    told: list[bool] = []
    sender = Thread(target=lambda: told.append(window.enter(1, 1, 3600)))
    sender.start()
    window.close()
    sender.join(20)
    assert told == [False]
    assert window.closed


def test_the_wait_is_counted_from_the_last_answer() -> None:
    """An idle stream waits for nothing; each acknowledgement starts the count again."""
    clock = Clock()
    window = Window(clock)
    window.limit(10, 100)
    clock.now += 50
    assert window.waiting() == (0.0, 0)
    window.enter(0, 7, 0)
    window.enter(1, 8, 0)
    clock.now += 3
    assert window.waiting() == (3.0, 15)
    window.leave(0)
    clock.now += 1
    assert window.waiting() == (1.0, 8)
