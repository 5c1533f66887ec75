"""How much may be in flight: shared by the thread that sends and the thread that hears acknowledgements."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition

# A wait is looked at again so often, since a pause ends without anybody's doing.
STEP_S = 0.1


class Window:
    """Counts records and bytes that were sent and not yet acknowledged; `limit` follows what the server says."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = Condition()
        self._max_records, self._max_bytes = 1, 1
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._since = clock()
        self._paused_until = 0.0
        self._closed = False

    def limit(self, max_records: int, max_bytes: int) -> None:
        """Take over the server's limits; at least one record may always be in flight."""
        with self._changed:
            self._max_records, self._max_bytes = max(1, max_records), max(1, max_bytes)
            self._changed.notify_all()

    def pause(self, wait_s: float) -> None:
        """Send nothing for `wait_s` (Pushback)."""
        with self._changed:
            self._paused_until = self._clock() + wait_s

    def close(self) -> None:
        """Let a waiting sender go: the stream is over."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the stream is over."""
        return self._closed

    def enter(self, seq: int, size: int, wait_s: float) -> bool:
        """Take a place for a record; False when there was none within `wait_s` or the stream is over."""
        deadline = self._clock() + wait_s
        with self._changed:
            while not self._closed:
                if self._fits(size) and self._clock() >= self._paused_until:
                    self._take(seq, size)
                    return True
                left = deadline - self._clock()
                if left <= 0:
                    return False
                self._changed.wait(min(left, STEP_S))
        return False

    def leave(self, through_seq: int) -> None:
        """Free the places of everything up to `through_seq`."""
        with self._changed:
            for seq in [seq for seq in self._sizes if seq <= through_seq]:
                self._bytes -= self._sizes.pop(seq)
            self._since = self._clock()
            self._changed.notify_all()

    def waiting(self) -> tuple[float, int]:
        """Return for how many seconds what is in flight has waited since the last answer, and its bytes."""
        with self._changed:
            return (self._clock() - self._since, self._bytes) if self._sizes else (0.0, 0)

    def _take(self, seq: int, size: int) -> None:
        if not self._sizes:
            self._since = self._clock()
        self._sizes[seq] = size
        self._bytes += size

    def _fits(self, size: int) -> bool:
        if not self._sizes:
            return True
        return len(self._sizes) < self._max_records and self._bytes + size <= self._max_bytes
