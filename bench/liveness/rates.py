"""Error rates with exact 95 % intervals (Clopper and Pearson), by ISO/IEC 30107-3's names."""

from __future__ import annotations

import math
from collections.abc import Callable


def interval(errors: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the lower and upper bound of an error rate; (0, 1) without trials. One-sided at 0 and at all."""
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / (1 if errors in {0, trials} else 2)
    low = 0.0 if errors == 0 else _solve(lambda p: 1 - _at_most(errors - 1, trials, p), tail)
    high = 1.0 if errors == trials else 1 - _solve(lambda p: _at_most(errors, trials, 1 - p), tail)
    return low, high


def _at_most(errors: int, trials: int, chance: float) -> float:
    return math.fsum(
        math.comb(trials, count) * chance**count * (1 - chance) ** (trials - count) for count in range(errors + 1)
    )


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
