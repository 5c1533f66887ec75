"""One thread for a library that may hang: order, results, deadlines."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.sealing.key_errors import KeyTimeout
from agent.sealing.serial_thread import SerialThread

WAIT_S = 60.0


def _soon() -> float:
    return time.monotonic() + 0.05


def _late() -> float:
    return time.monotonic() + WAIT_S


def test_results_and_errors_come_back() -> None:
    """The caller gets what the work returned or raised, a TimeoutError of the work included."""
    thread = SerialThread("test")
    assert thread.call(lambda: 42, _late()) == 42

    def fail() -> None:
        raise TimeoutError("the work's own")

    with pytest.raises(TimeoutError, match="the work's own"):
        thread.call(fail, _late())


def test_two_callers_are_never_inside_together() -> None:
    """The library is entered by one thread, one call at a time."""
    thread = SerialThread("test")
    inside, seen = threading.Lock(), set()

    def work() -> None:
        assert inside.acquire(blocking=False)
        seen.add(threading.get_ident())
        time.sleep(0.001)
        inside.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: thread.call(work, _late()), range(20)))
    assert len(seen) == 1


def test_a_hanging_call_ends_for_its_caller_and_those_behind() -> None:
    """Each ends at its own deadline; work that nobody waits for any more is not done later."""
    thread = SerialThread("driver")
    release, done = threading.Event(), []
    with pytest.raises(KeyTimeout, match="driver"):
        thread.call(lambda: release.wait(WAIT_S), _soon())
    with pytest.raises(KeyTimeout):
        thread.call(lambda: done.append("abandoned"), _soon())
    thread.post(lambda: done.append("posted"))
    release.set()
    thread.call(lambda: done.append("next"), _late())
    assert done == ["posted", "next"]


def test_what_a_posted_call_raises_is_dropped() -> None:
    """A close that fails must not end the thread."""
    thread = SerialThread("test")

    def fail() -> None:
        raise RuntimeError

    thread.post(fail)
    assert thread.call(lambda: 1, _late()) == 1


def test_a_deadline_in_the_past_ends_at_once() -> None:
    """No time left is a time-out, not a wait."""
    thread = SerialThread("test")
    release = threading.Event()
    thread.post(lambda: release.wait(WAIT_S))
    with pytest.raises(KeyTimeout):
        thread.call(lambda: 1, time.monotonic() - 5)
    release.set()
