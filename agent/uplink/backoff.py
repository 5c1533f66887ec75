"""How long to stay away after a failed connection."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.5
LAST_S = 30.0
# A collector may ask for more patience than our own, but not for ever.
LONGEST_ASKED_S = 600.0


class Backoff:
    """Full jitter: thousands of kiosks come back at once after an outage. Not shared between threads."""

    def __init__(self, jitter: Callable[[], float], first_s: float = FIRST_S, last_s: float = LAST_S) -> None:
        """`jitter` returns a number from 0 to 1."""
        self._jitter, self._first_s, self._last_s = jitter, first_s, last_s
        self._failures = 0
        self._asked_s = 0.0

    def succeeded(self) -> None:
        """Start again with the shortest wait: the collector accepted us."""
        self._failures = 0

    def asked(self, wait_s: float) -> None:
        """Stay away at least so long the next time, as the collector asked."""
        self._asked_s = min(wait_s, LONGEST_ASKED_S)

    def next_s(self) -> float:
        """Return how long to wait now."""
        # Jitter on top of what was asked for, or all would come back at the same moment.
        longest_s = min(self._last_s, self._first_s * float(1 << self._failures))
        wait_s = self._asked_s + self._jitter() * longest_s
        self._failures = min(self._failures + 1, 16)
        self._asked_s = 0.0
        return wait_s
