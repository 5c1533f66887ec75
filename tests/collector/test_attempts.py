from __future__ import annotations

from collector.attempts import MAX_ADDRESSES, MAX_FAILURES, WITHIN_S, Attempts, address_of


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def fail(attempts: Attempts, peer: str, count: int = MAX_FAILURES) -> None:
    """Fail so often from one address."""
    for _ in range(count):
        attempts.failed(peer)


def test_ten_failures_cost_the_rest_of_the_minute() -> None:
    """Nine cost nothing; afterwards the address starts afresh."""
    clock = Clock()
    attempts = Attempts(clock)
    fail(attempts, "ipv4:192.0.2.1:1", MAX_FAILURES - 1)
    assert attempts.wait_s("ipv4:192.0.2.1:2") == 0
    clock.now = 20
    fail(attempts, "ipv4:192.0.2.1:3", 1)
    assert attempts.wait_s("ipv4:192.0.2.1:4") == WITHIN_S - 20
    assert attempts.wait_s("ipv4:192.0.2.2:4") == 0
    clock.now = WITHIN_S
    assert attempts.wait_s("ipv4:192.0.2.1:5") == 0
    fail(attempts, "ipv4:192.0.2.1:6", 1)
    assert attempts.wait_s("ipv4:192.0.2.1:7") == 0


def test_what_succeeds_is_taken_back() -> None:
    """A kiosk that enrols does not use up its neighbours' attempts."""
    attempts = Attempts(Clock())
    for _ in range(3 * MAX_FAILURES):
        attempts.failed("ipv4:192.0.2.1:1")
        attempts.succeeded("ipv4:192.0.2.1:1")
    assert attempts.wait_s("ipv4:192.0.2.1:1") == 0
    attempts.succeeded("ipv4:192.0.2.9:1")
    assert attempts.wait_s("ipv4:192.0.2.9:1") == 0


def test_a_64_of_ipv6_is_one_address() -> None:
    """Whoever has one has them all."""
    attempts = Attempts(Clock())
    fail(attempts, "ipv6:%5B2001:db8::1%5D:50000")
    assert attempts.wait_s("ipv6:%5B2001:db8::ffff%5D:1") > 0
    assert attempts.wait_s("ipv6:%5B2001:db8:0:1::1%5D:1") == 0
    assert address_of("ipv6:%5B2001:db8::1%5D:50000") == "2001:db8::1"


def test_it_does_not_grow_without_end() -> None:
    """Many addresses push the oldest out."""
    attempts = Attempts(Clock())
    fail(attempts, "first")
    for number in range(MAX_ADDRESSES):
        attempts.failed(f"ipv4:10.{number >> 16}.{number >> 8 & 255}.{number & 255}:1")
    assert len(attempts._failures) == MAX_ADDRESSES
    assert attempts.wait_s("first") == 0
