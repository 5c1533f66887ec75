"""Timing a piece of work: the median of several runs, after a warm-up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Quartiles = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: median in milliseconds, the floor it is held against, and how often it was run.

    The quartiles, where they were taken, say how far the machine let the figure wander.
    """

    name: str
    median_ms: float
    floor: str
    floor_ms: float
    runs: int
    quartiles_ms: Quartiles | None = None
    floor_quartiles_ms: Quartiles | None = None

    @classmethod
    def of(cls, name: str, times_ms: Sequence[float], floor: str, floors_ms: Sequence[float]) -> Figure:
        """Return the figure of runs that took turns with their floor."""
        medians = statistics.median(times_ms), statistics.median(floors_ms)
        return cls(name, medians[0], floor, medians[1], len(times_ms), _quartiles(times_ms), _quartiles(floors_ms))

    @property
    def ratio(self) -> float:
        """How many times the floor it takes."""
        return self.median_ms / self.floor_ms if self.floor_ms else float("nan")


def _quartiles(times_ms: Sequence[float]) -> Quartiles:
    low, _, high = statistics.quantiles(times_ms, n=4)
    return low, high


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
