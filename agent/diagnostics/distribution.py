"""A set of measured times: percentiles and a small histogram in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

BARS = " ▁▂▃▄▅▆▇█"
BINS = 12


@dataclass(frozen=True, slots=True)
class Distribution:
    """Values in the order in which they came; never empty."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Take at least one value; raise ValueError otherwise."""
        if not values:
            raise ValueError("no values")
        return cls(tuple(values))

    def percentile(self, share: float) -> float:
        """Return the smallest value with at least this share (0..1) at or below it."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]

    @property
    def median(self) -> float:
        """The middle."""
        return self.percentile(0.5)

    @property
    def p95(self) -> float:
        """19 of 20 are not above it."""
        return self.percentile(0.95)

    @property
    def longest(self) -> float:
        """The largest."""
        return max(self.values)

    def told(self, unit: str, factor: float) -> str:
        """Return figures and histogram in one line, values times `factor` in `unit`."""
        figures = (self.median, self.p95, self.longest)
        p50, p95, longest = (f"{value * factor:.3g}" for value in figures)
        return f"n {len(self.values)}, p50 {p50}, p95 {p95}, max {longest} {unit} [{self.histogram()}]"

    def histogram(self) -> str:
        """Return bars from 0 to the largest value."""
        top = self.longest or 1.0
        counts = [0] * BINS
        for value in self.values:
            counts[min(BINS - 1, int(value / top * BINS))] += 1
        most = max(counts)
        return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in counts)
