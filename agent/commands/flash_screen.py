"""The terminal as the screen that shows the flash: it fills itself with each colour and tells when it did."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from agent.console.client import KioskClient

HIDE, SHOW = "\x1b[?25l", "\x1b[0m\x1b[2J\x1b[H\x1b[?25h"

Event = Mapping[str, Any]  # Any: JSON from the daemon


class FlashScreen:
    """Shows orders on a terminal with true colour. `now_s` and `wait` are the clock."""

    def __init__(
        self,
        client: KioskClient,
        out: TextIO = sys.stdout,
        now_s: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client, self._out, self._now_s, self._wait = client, out, now_s, wait

    def announce(self, visit_id: str) -> None:
        """Say that this terminal can show colours."""
        self._client.announce_screen(visit_id)

    def show(self, visit_id: str, order: Event) -> None:
        """Show an order and report it; the terminal is as before afterwards, whatever happens."""
        try:
            shown_ms = self._fill(order["colours"], order["hold_ms"] / 1000)
        finally:
            self._out.write(SHOW)
            self._out.flush()
        self._client.report_flash(visit_id, order["flash"], shown_ms, self._now_s() * 1000)

    def _fill(self, colours: Sequence[Sequence[int]], hold_s: float) -> list[float]:
        began_s = self._now_s()
        shown_ms: list[float] = []
        for number, (red, green, blue) in enumerate(colours):
            # Each at its own time: being late once must not make the next ones early, which would be too fast.
            self._wait(max(0.0, began_s + number * hold_s - self._now_s()))
            self._out.write(f"{HIDE}\x1b[48;2;{red};{green};{blue}m\x1b[2J\x1b[H")
            self._out.flush()
            shown_ms.append(self._now_s() * 1000)
        return shown_ms
