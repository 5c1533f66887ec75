"""What happens in a visit, in order, for everyone who watches it: the terminal, the console, a test."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Literal

EventKind = Literal["state", "guidance", "stage_started", "stage_ended", "question", "flash", "durable", "ended"]

# JSON-ready values; they reach the operator's screen only, never a log.
Payload = Mapping[str, Any]  # Any: JSON values nest freely


@dataclass(frozen=True, slots=True)
class VisitEvent:
    """One event; `number` counts from 1 within the visit. The payload may hold personal data."""

    number: int
    kind: EventKind
    payload: Payload = field(repr=False)


class EventLog:
    """An append-only list that can be waited on from any thread."""

    def __init__(self) -> None:
        self._events: list[VisitEvent] = []
        self._closed = False
        self._changed = Condition()

    def add(self, kind: EventKind, payload: Payload) -> VisitEvent:
        """Append one event and wake everyone who waits."""
        with self._changed:
            event = VisitEvent(len(self._events) + 1, kind, payload)
            self._events.append(event)
            self._changed.notify_all()
            return event

    def close(self) -> None:
        """Say that nothing will follow."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def after(self, number: int, wait_s: float) -> tuple[list[VisitEvent], bool]:
        """Return the events above `number`, waiting at most `wait_s` for one, and whether the log is closed."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            while len(self._events) <= number and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            return self._events[number:], self._closed
