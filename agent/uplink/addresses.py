"""Which of several collectors to talk to: in their order the first that answers, and back to the first in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

BACK_AFTER_S = 600.0


class Addresses:
    """host:port of each collector, the preferred one first.

    Another thread may use `first`, `due_back` and `postpone`, and nothing else.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        back_after_s: float = BACK_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`back_after_s`: how long to stay with another than the first before that one is looked at again."""
        if not addresses:
            raise ValueError("no address")
        self._addresses, self._back_after_s, self._clock = tuple(addresses), back_after_s, clock
        self._index, self._failures, self._since = 0, 0, clock()

    @property
    def first(self) -> str:
        """The preferred one."""
        return self._addresses[0]

    @property
    def current(self) -> str:
        """The one to talk to now."""
        return self._addresses[self._index]

    def succeeded(self) -> None:
        """Note that the current one accepted us."""
        self._failures, self._since = 0, self._clock()

    def failed(self) -> bool:
        """Take the next one; say whether all of them have failed in a row, so that it is time to wait."""
        self._index = (self._index + 1) % len(self._addresses)
        self._failures += 1
        if self._failures < len(self._addresses):
            return False
        self._failures = 0
        return True

    def due_back(self) -> bool:
        """Say whether we have been with another than the first for long enough."""
        return self._index != 0 and self._clock() - self._since >= self._back_after_s

    def postpone(self) -> None:
        """Stay with the current one for another while: the first does not answer yet."""
        self._since = self._clock()

    def back(self) -> None:
        """Take the first one again."""
        self._index, self._failures = 0, 0
