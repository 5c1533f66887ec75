"""`python -m bench.liveness`: presentations in turns of all species, one line of JSON each, then the report.

It can be stopped and gone on with: what is in the file is not made again. Seeds below TUNING are for the report alone;
the thresholds were looked at on others.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2

from agent.capture.portrait.face import FaceFinder
from bench.liveness.report import tell
from bench.liveness.species import SPECIES
from bench.liveness.trial import Trial, run

MODELS = Path(__file__).resolve().parents[2] / "models"
TUNING = 10_000
# The species that a figure is asked for come every time, the others every SELDOM-th.
OFTEN, SELDOM = tuple(SPECIES)[:7], 5


def main() -> None:
    """Run until every species has its trials or the time is over, then print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.liveness", description=__doc__)
    parser.add_argument(
        "--trials", type=int, default=300, help="presentations of each of the main species, a fifth of the others"
    )
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long")
    parser.add_argument("--out", type=Path, default=Path("var/liveness"), help="folder of trials.jsonl and pictures")
    parser.add_argument("--report-only", action="store_true", help="make no presentation")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report_only:
        _present(options.out / "trials.jsonl", min(options.trials, TUNING), time.monotonic() + 60 * options.minutes)
    tell(options.out, FaceFinder(MODELS))


def _present(path: Path, trials: int, until_s: float) -> None:
    cv2.setNumThreads(1)
    finder = FaceFinder(MODELS)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    made = {(told["species"], told["seed"]) for told in map(json.loads, lines)}
    with path.open("a", encoding="utf-8") as file:
        for seed in range(trials):
            for species in SPECIES if seed % SELDOM == 0 else OFTEN:
                if time.monotonic() >= until_s:
                    return
                if (species, seed) not in made:
                    file.write(json.dumps(_told(run(species, seed, finder))) + "\n")
                    file.flush()


def _told(trial: Trial) -> dict[str, object]:
    checks = {check.name: [check.verdict, check.native, check.reason] for check in trial.checks}
    return {
        "species": trial.species,
        "seed": trial.seed,
        "response": trial.response,
        "took_ms": trial.took_ms,
        "frames": trial.frames,
        "decision_ms": round(trial.decision_ms, 2),
        "vision_ms": round(trial.vision_ms, 2),
        "checks": checks,
    }


if __name__ == "__main__":
    main()
