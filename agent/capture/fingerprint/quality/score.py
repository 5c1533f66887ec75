"""The kiosk's own 0..100 fingerprint score. It is not an NFIQ 2 score and must never be called or coded as one.

It is a weighted sum of native measures, fitted by `fit.py` to the 199 usable rows of NIST's conformance table (plain,
slap and palm captures, by their names). Foretelling the score of rows it was not fitted to, in ten folds five times
over, it is off by 6.8 points on average and has rank correlation 0.954 (`cross_validation` in the file).

| model tried on the same folds | error | rank correlation | kept? |
|---|---|---|---|
| kernel ridge (RBF), 67 measures | 5.7 | 0.964 | no: cutting away 40 % of a print raised its score from 66 to 84 |
| ridge, 67 measures | 6.7 | 0.955 | no: a dozen measures counted the wrong way, so noise and fading raised a score |
| each measure only in its own direction, within its range | 6.8 | 0.954 | yes |

In those folds 80 % of the rows are within 10 points of NIST's score and none is further off than 28. At thresholds of
20, 30 and 40 it comes to NIST's verdict in 93, 93 and 92 % of the rows. It is lenient with the worst: of the 37 prints
that NIST puts below 20 it puts 11 at 20 or above.

A measure that gets worse never earns points, and one beyond the table's range counts as at its end: NIST's two
synthetic prints get 100 here and 54 and 53 there. The score hardly knows contrast, and it overrules no gate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SCORE_NAME = "kiosk_fingerprint_score"
_FILE = "score.json"


@dataclass(frozen=True, slots=True)
class Term:
    """One measure's part: `slope` points for each unit above `low`; beyond `low`..`high` nothing changes."""

    measure: str
    slope: float
    low: float
    high: float

    def points(self, value: float) -> float:
        """Return what a value adds to the score."""
        return self.slope * (min(max(value, self.low), self.high) - self.low)


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """`base` is the score of a print with every measure at its `low`; `version` goes into the record."""

    version: str
    base: float
    terms: tuple[Term, ...]

    def score(self, measures: Mapping[str, float]) -> int:
        """Return the score, 0..100; raise KeyError when `measures` (by NIST's names) lack one of the terms."""
        total = self.base + sum(term.points(measures[term.measure]) for term in self.terms)
        return round(min(max(total, 0.0), 100.0))


@cache
def score_model() -> ScoreModel:
    """Return the fitted model that comes with the package."""
    told = json.loads(files(__package__).joinpath(_FILE).read_text(encoding="utf-8"))
    return ScoreModel(told["version"], told["base"], tuple(Term(**term) for term in told["terms"]))


def kiosk_fingerprint_score(measures: Mapping[str, float]) -> int:
    """Return our own score, 0..100, of the measures that `measure` gave."""
    return score_model().score(measures)
