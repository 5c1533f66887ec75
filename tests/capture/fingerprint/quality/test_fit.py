"""Fitting the score: the mathematics by hand, and the committed file against NIST's table."""

import csv
import hashlib
import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from agent.capture.fingerprint.quality import fit as fitting
from agent.capture.fingerprint.quality.fit import (
    Table,
    cross_validate,
    fit,
    non_negative_least_squares,
    rank_correlation,
    read_table,
)
from agent.capture.fingerprint.quality.score import score_model
from tests.capture.fingerprint.quality.prints import published_file

TABLE_NAME = "conformance_expected_output-v2.3.0.csv"


def committed() -> dict[str, object]:
    """Read the score's file as it is in the package."""
    text = files("agent.capture.fingerprint.quality").joinpath("score.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def test_the_committed_file_is_what_the_table_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fitted anew from NIST's table, the file is the same to the last byte, its cross-validation included."""
    table = published_file(TABLE_NAME)
    monkeypatch.setattr("sys.argv", ["fit", str(table), str(tmp_path / "score.json")])
    fitting.main()
    expected = files("agent.capture.fingerprint.quality").joinpath("score.json").read_bytes()
    assert (tmp_path / "score.json").read_bytes() == expected
    assert committed()["table_sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()


def test_the_stated_figures_are_good_enough() -> None:
    """What the documentation says of the cross-validation stands in the file."""
    figures = committed()["cross_validation"]
    assert figures == {"folds": 10, "repeats": 5, "mean_absolute_error": 6.828, "rank_correlation": 0.954}


def test_the_table_is_read_without_minutiae_and_times() -> None:
    """199 rows are usable; 67 measures take part (Mu once)."""
    table = read_table(published_file(TABLE_NAME))
    assert table.values.shape == (199, 67)
    assert not [name for name in table.names if name.endswith("Speed") or "FJFX" in name or "FingerJet" in name]


def test_rows_without_a_score_are_left_out(tmp_path: Path) -> None:
    """NIST's table has rows of errors, whose values are NA."""
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows(
            [["Filename", "QualityScore", "Mu", "MMBSpeed"], ["a", "50", "1.5", "9"], ["b", "NA", "NA", "NA"]]
        )
    table = read_table(path)
    assert (table.names, table.values.tolist(), table.scores.tolist()) == (("Mu",), [[1.5]], [50.0])


def test_rank_correlation_by_hand() -> None:
    """Order alone counts; ties share their rank; a constant has none."""
    one = np.array([1.0, 2, 3, 4])
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert rank_correlation(one, -(one**3)) == pytest.approx(-1)
    assert rank_correlation(one, np.array([1.0, 1, 2, 2])) == pytest.approx(2 / np.sqrt(5))
    assert rank_correlation(one, np.zeros(4)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_other_weights_are_better(seed: int) -> None:
    """The optimum: no weight is negative, no positive one can be improved, no zero one should grow."""
    random = np.random.default_rng(seed)
    design, target = random.normal(size=(60, 8)), random.normal(size=60)
    weights = non_negative_least_squares(design, target, 2.0)
    slope = design.T @ (target - design @ weights) - 2.0 * weights
    assert (weights >= 0).all()
    assert np.abs(slope[weights > 0]).max() < 1e-6
    assert (slope[weights == 0] <= 1e-6).all()


def test_a_known_score_is_found_again() -> None:
    """Two measures make the score, one against it, one is noise: signs, ranges and values come out."""
    random = np.random.default_rng(3)
    values = random.uniform(0, 1, (400, 3))
    scores = 20 + 40 * values[:, 0] + 30 * (1 - values[:, 1])
    model = fit(Table(("good", "bad", "noise"), values, scores))
    assert [(term.measure, np.sign(term.slope)) for term in model.terms] == [("good", 1), ("bad", -1)]
    assert model.score({"good": 1.0, "bad": 0.0}) == pytest.approx(90, abs=5)
    assert model.score({"good": 0.0, "bad": 1.0}) == pytest.approx(20, abs=5)
    assert model.score({"good": 9.0, "bad": 0.0}) == model.score({"good": 1.0, "bad": 0.0})


def test_cross_validation_is_not_fooled_by_noise() -> None:
    """Without any connection between measures and scores the foretelling is no better than the mean."""
    random = np.random.default_rng(4)
    scores = random.uniform(0, 100, 80)
    found = cross_validate(Table(("a", "b"), random.normal(size=(80, 2)), scores))
    assert abs(found.rank_correlation) < 0.35
    assert found.mean_absolute_error == pytest.approx(25, abs=5)


def test_the_package_reads_what_the_fit_writes() -> None:
    """The model in use has the file's terms."""
    model, told = score_model(), committed()
    assert [asdict(term) for term in model.terms] == told["terms"]
    assert (model.version, model.base) == (told["version"], told["base"])
