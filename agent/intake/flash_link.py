"""Between a visit and the screen that shows the flash: the order goes out as an event, the shown times come back.

1. A screen that can fill itself with a colour says so once per visit (`announce`).
2. The visit emits `flash` {flash, colours, hold_ms}: show colours[0], which is dark, and each next one after `hold_ms`.
3. The screen reports {flash, shown_ms, sent_ms}, on a clock of its own that only runs forward: when each colour stood
   on the screen, and when it sent the report. Only differences count, so both clocks may be set as they like.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from agent.capture.liveness.errors import FlashReportWrong
from agent.capture.liveness.screen import Rgb

DARK: Rgb = (0, 0, 0)
LONGEST_S = 60.0
# Steps that a screen may be early by: its clock has whole frames only.
EARLY_MS = 35.0


class FlashLink:
    """The screen of one visit. The visit's thread orders, the API's reports."""

    def __init__(
        self, emit: Callable[[Mapping[str, object]], object], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._emit, self._clock_s = emit, clock_s
        self._lock = Lock()
        self._flashes = False
        self._number, self._count, self._hold_ms = 0, 0, 0
        self._ordered_s = 0.0
        self._shown_s: tuple[float, ...] | None = None

    @property
    def flashes(self) -> bool:
        """A screen said that it can show colours."""
        return self._flashes

    def announce(self) -> None:
        """Take in that a screen follows the visit and can show colours."""
        self._flashes = True

    def show(self, colours: Sequence[Rgb], hold_ms: int) -> None:
        """Order the colours between dark and dark."""
        with self._lock:
            self._number += 1
            self._count, self._hold_ms, self._shown_s = len(colours) + 2, hold_ms, None
            self._ordered_s = self._clock_s()
        rows = [list(colour) for colour in (DARK, *colours, DARK)]
        self._emit({"flash": self._number, "colours": rows, "hold_ms": hold_ms})

    def shown_s(self) -> tuple[float, ...] | None:
        """Return when each of them was shown (time.monotonic()), or None until the screen told."""
        with self._lock:
            return self._shown_s

    def report(self, number: int, shown_ms: Sequence[float], sent_ms: float) -> None:
        """Take in the screen's report; raise FlashReportWrong for one that cannot be."""
        arrived_s = self._clock_s()
        with self._lock:
            if number != self._number or self._shown_s is not None:
                raise FlashReportWrong(f"flash {number} is not awaited")
            self._check(shown_ms, sent_ms)
            shown = tuple(arrived_s - (sent_ms - at) / 1000 for at in shown_ms)
            if shown[0] < self._ordered_s - EARLY_MS / 1000:
                raise FlashReportWrong("shown before it was ordered")
            self._shown_s = shown

    def _check(self, shown_ms: Sequence[float], sent_ms: float) -> None:
        if len(shown_ms) != self._count or not all(map(math.isfinite, (*shown_ms, sent_ms))):
            raise FlashReportWrong(f"{len(shown_ms)} times for {self._count} colours")
        steps = [later - earlier for earlier, later in zip(shown_ms, [*shown_ms[1:], sent_ms], strict=True)]
        if min(steps[:-1]) < self._hold_ms - EARLY_MS or steps[-1] < 0:
            raise FlashReportWrong("faster than it was ordered")
        if sent_ms - shown_ms[0] > LONGEST_S * 1000:
            raise FlashReportWrong("slower than can be")
