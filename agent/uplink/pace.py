"""How fast records may leave, and at what hours: by the signed policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

MINUTES_A_DAY = 24 * 60
NS_A_MINUTE = 60 * 10**9
# In quiet hours the clock is looked at again so often.
QUIET_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one minute of the day up to, not including, another; over midnight when the end comes first."""

    from_minute: int
    until_minute: int

    def cover(self, minute: int) -> bool:
        """Say whether this minute of the day is quiet."""
        if self.from_minute <= self.until_minute:
            return self.from_minute <= minute < self.until_minute
        return minute >= self.from_minute or minute < self.until_minute


@dataclass(frozen=True, slots=True)
class Pacing:
    """What the policy says. `max_bytes_per_s` is an average over records; None: as fast as it goes.

    `quiet_hours` are in the time of the place, `utc_offset_min` minutes ahead of UTC.
    """

    max_bytes_per_s: float | None = None
    quiet_hours: tuple[QuietHours, ...] = ()
    utc_offset_min: int = 7 * 60

    def quiet_at(self, wall_ns: int) -> bool:
        """Say whether records stay here at this time (nanoseconds since the Unix epoch)."""
        minute = (wall_ns // NS_A_MINUTE + self.utc_offset_min) % MINUTES_A_DAY
        return any(hours.cover(minute) for hours in self.quiet_hours)


class Pace:
    """Lets records go one by one. It may be changed from any thread while a stream is open."""

    def __init__(
        self,
        pacing: Pacing,
        wall_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wall_ns` should be the collector's time where it is known: a kiosk's clock may be wrong."""
        self._pacing, self._wall_ns, self._clock = pacing, wall_ns, clock
        self._lock = Lock()
        self._free_at = clock()

    def change(self, pacing: Pacing) -> None:
        """Follow another policy from now on."""
        with self._lock:
            self._pacing, self._free_at = pacing, self._clock()

    @property
    def quiet(self) -> bool:
        """Whether it is a quiet hour now."""
        return self._pacing.quiet_at(self._wall_ns())

    def wait_s(self, size_bytes: int) -> float:
        """Take the time that a record needs and return 0, or return how long to wait before asking again."""
        with self._lock:
            if self.quiet:
                return QUIET_LOOK_S
            rate, now = self._pacing.max_bytes_per_s, self._clock()
            if rate is None:
                return 0.0
            if now < self._free_at:
                return self._free_at - now
            self._free_at = now + size_bytes / rate
            return 0.0
