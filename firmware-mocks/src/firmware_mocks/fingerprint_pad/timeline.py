"""The device's own clock: one thread that does things when they are due."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from threading import Condition, Thread


class Timeline:
    """Runs actions at their time, each while holding `changed`, the device's lock."""

    def __init__(self, changed: Condition) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = changed
        self._ended = False
        self._thread = Thread(target=self._run, name="pad-clock", daemon=True)
        self._thread.start()

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do `action` in `delay_s` seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._numbers), action))
            self._changed.notify_all()

    def end(self) -> None:
        """Forget what is due and stop."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._ended:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is None or left > 0:
                    self._changed.wait(left)
                else:
                    heapq.heappop(self._due)[2]()
