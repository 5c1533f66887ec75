"""How long the stages of the last stored visits took: figures only, nothing of the person."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

KEPT = 200


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage of one visit: its wall time in milliseconds and whether a check failed."""

    stage: str
    took_ms: int
    failed: bool


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage over the last visits, milliseconds."""

    stage: str
    visits: int
    failed: int
    median_ms: int
    p95_ms: int


class StageTimes:
    """Remembers the last 200 of each stage; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: dict[str, deque[StageTime]] = {}

    def note(self, times: Iterable[StageTime]) -> None:
        """Add the stages of a visit."""
        with self._lock:
            for one in times:
                self._last.setdefault(one.stage, deque(maxlen=KEPT)).append(one)

    def summaries(self) -> tuple[StageSummary, ...]:
        """Return one line per stage that was seen."""
        with self._lock:
            return tuple(_summary(stage, list(times)) for stage, times in self._last.items())


def _summary(stage: str, times: list[StageTime]) -> StageSummary:
    took = sorted(one.took_ms for one in times)
    p95 = took[min(len(took) - 1, len(took) * 95 // 100)]
    return StageSummary(stage, len(took), sum(one.failed for one in times), round(statistics.median(took)), p95)
