"""Timing a piece of work: the median of several runs, after a warm-up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: median in milliseconds, the floor it is held against, and how often it was run."""

    name: str
    median_ms: float
    floor: str
    floor_ms: float
    runs: int

    @property
    def ratio(self) -> float:
        """How many times the floor it takes."""
        return self.median_ms / self.floor_ms if self.floor_ms else float("nan")


def median_ms(work: Callable[[], object], runs: int, warm_up: int = 2) -> float:
    """Return the median wall time of `work` in milliseconds."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)
