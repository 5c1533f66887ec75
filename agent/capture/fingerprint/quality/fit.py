"""Fit the kiosk's fingerprint score: `python -m agent.capture.fingerprint.quality.fit TABLE OUT`.

TABLE is NIST's conformance table (CSV with scores and native measures), OUT the file that `score.py` reads. The same
table always gives the same file. Needed only when the score is made anew.

The rule: a measure may take part if its rank correlation with NIST's score is at least 0.5 in size, and then only with
the sign of that correlation; its values are limited to those seen. The weights are the non-negative least squares of
the standardised measures with a little ridge. In the cross-validation all of this is done anew in every fold.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.capture.fingerprint.quality.picture import Floats
from agent.capture.fingerprint.quality.score import ScoreModel, Term

VERSION = "kiosk-fingerprint-1"
MIN_CORRELATION, RIDGE = 0.5, 30.0
FOLDS, REPEATS = 10, 5
# Not a fingerprint measure, or one that needs minutiae.
_LEFT_OUT = frozenset({"Filename", "FingerCode", "QualityScore", "OptionalError", "Quantized", "Resampled"})
_NEEDS_MINUTIAE = ("FingerJetFX", "FJFX", "FingerprintImageWithMinutiae")


@dataclass(frozen=True, slots=True)
class Table:
    """The usable rows: `values` rows x measures, `scores` NIST's unified quality scores."""

    names: tuple[str, ...]
    values: Floats = field(repr=False)
    scores: Floats = field(repr=False)

    def rows(self, chosen: NDArray[np.int64]) -> Table:
        """Return only the chosen rows."""
        return Table(self.names, self.values[chosen], self.scores[chosen])


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a model foretells: mean absolute error in points, and Spearman's rank correlation."""

    mean_absolute_error: float
    rank_correlation: float


def read_table(path: Path) -> Table:
    """Read the rows that have a score; raise OSError, KeyError or ValueError when it is no such table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["QualityScore"] != "NA"]
    names = tuple(name for name in rows[0] if _takes_part(name))
    values = np.array([[float(row[name]) for name in names] for row in rows])
    return Table(names, values, np.array([float(row["QualityScore"]) for row in rows]))


def fit(table: Table) -> ScoreModel:
    """Fit the model to a table."""
    correlation = np.array([rank_correlation(column, table.scores) for column in table.values.T])
    chosen = np.flatnonzero(np.abs(correlation) >= MIN_CORRELATION)
    values, signs = table.values[:, chosen], np.sign(correlation[chosen])
    spread, mean = values.std(axis=0), values.mean(axis=0)
    weights = non_negative_least_squares(signs * (values - mean) / spread, table.scores - table.scores.mean(), RIDGE)
    slopes, lows, highs = signs * weights / spread, values.min(axis=0), values.max(axis=0)
    base = float(table.scores.mean() + (slopes * (lows - mean)).sum())
    terms = zip((table.names[at] for at in chosen), slopes, lows, highs, strict=True)
    return ScoreModel(
        VERSION, round(base, 4), tuple(Term(n, float(f"{s:.6g}"), float(lo), float(hi)) for n, s, lo, hi in terms if s)
    )


def cross_validate(table: Table) -> Fit:
    """Foretell each row by a model fitted without its tenth of the table; the mean over differently shuffled tenths."""
    fits = [_one_round(table, np.random.default_rng(seed)) for seed in range(REPEATS)]
    return Fit(*(round(float(np.mean(figures)), 3) for figures in zip(*fits, strict=True)))


def non_negative_least_squares(design: Floats, target: Floats, ridge: float) -> Floats:
    """Return w >= 0 with the least |design w - target|^2 + ridge |w|^2, by coordinate descent."""
    normal, wanted = design.T @ design + ridge * np.eye(design.shape[1]), design.T @ target
    weights = np.zeros(design.shape[1])
    for _ in range(5000):
        before = weights.copy()
        for at in range(weights.size):
            rest = wanted[at] - normal[at] @ weights + normal[at, at] * weights[at]
            weights[at] = max(0.0, rest / normal[at, at])
        if np.allclose(weights, before, rtol=0, atol=1e-10):
            break
    return weights


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's rank correlation (ties share their mean rank); 0 when either never changes."""
    first, second = _ranks(one), _ranks(other)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size else 0.0


def _takes_part(name: str) -> bool:
    if name == "EmptyImageOrContrastTooLow":  # the same value as Mu
        return False
    return name not in _LEFT_OUT and not name.startswith(_NEEDS_MINUTIAE) and not name.endswith("Speed")


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _one_round(table: Table, random: np.random.Generator) -> tuple[float, float]:
    foretold = np.zeros(len(table.scores))
    everyone = np.arange(len(table.scores))
    for fold in np.array_split(random.permutation(everyone), FOLDS):
        model = fit(table.rows(np.setdiff1d(everyone, fold)))
        for row in fold:
            foretold[row] = model.score(dict(zip(table.names, table.values[row], strict=True)))
    return float(np.abs(foretold - table.scores).mean()), rank_correlation(foretold, table.scores)


def main() -> None:
    """Read the table, fit, cross-validate, and write the score's file."""
    parser = argparse.ArgumentParser(prog="python -m agent.capture.fingerprint.quality.fit", description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    table = read_table(arguments.table)
    model = fit(table)
    told = {
        "version": model.version,
        "table_sha256": hashlib.sha256(arguments.table.read_bytes()).hexdigest(),
        "rows": len(table.scores),
        "cross_validation": {"folds": FOLDS, "repeats": REPEATS} | asdict(cross_validate(table)),
        "base": model.base,
        "terms": [asdict(term) for term in model.terms],
    }
    arguments.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(told["cross_validation"]))


if __name__ == "__main__":
    main()
