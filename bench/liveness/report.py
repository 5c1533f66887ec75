"""The report: a table of errors with counts and intervals, the DET curve of each cue, and strips of samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from agent.capture.portrait.face import FaceFinder
from agent.devices.seams import Pixels
from bench.liveness.rates import interval
from bench.liveness.species import SPECIES
from bench.liveness.trial import run

Told = Mapping[str, Any]  # Any: JSON
CUES = ("liveness_head_turn", "liveness_flash_answer", "liveness_flash_shading")
HEADLINE = (
    "All presentations are renders from ONE photograph of one identity: other shapes, tones, hair, glasses, rooms and "
    "ways of moving, not other people. They are evidence that the mechanism works, not independent trials of people "
    "and instruments, and not a certified test (ISO/IEC 30107-3)."
)
BLACK, GREY = (0, 0, 0), (200, 200, 200)
COLOURS = ((180, 60, 20), (20, 120, 200), (60, 150, 40))
SIDE, EDGE = 420, 60
STRIP_FRAMES, STRIP_WIDTH = 10, 192


def tell(folder: Path, finder: FaceFinder) -> None:
    """Print the table, and write report.md, det.png and samples.png into the folder."""
    lines = (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    trials: list[Told] = [json.loads(line) for line in lines]
    rows = [_row(name, [one for one in trials if one["species"] == name]) for name in SPECIES]
    table = Table("species", "presentations", "accepted", "rejected", "no response", "error, 95 % interval", *CUES)
    for row in rows:
        table.add_row(*row)
    Console(width=220).print(table)
    print(HEADLINE)
    head = (
        "| " + " | ".join(str(column.header) for column in table.columns) + " |\n" + "|---" * len(table.columns) + "|\n"
    )
    text = HEADLINE + "\n\n" + head + "".join("| " + " | ".join(row) + " |\n" for row in rows) + "\n" + _times(trials)
    (folder / "report.md").write_text(text, encoding="utf-8")
    cv2.imwrite(str(folder / "det.png"), _det(trials))
    cv2.imwrite(str(folder / "samples.png"), _samples(finder))


def _row(name: str, trials: Sequence[Told]) -> list[str]:
    counts = {kind: sum(one["response"] == kind for one in trials) for kind in ("accepted", "rejected", "no response")}
    living = name.startswith("bona fide")
    errors = counts["rejected"] if living else counts["accepted"]
    # Non-responses are counted apart: BPCER is of those who answered, APCER of all that were presented.
    of = len(trials) - counts["no response"] if living else len(trials)
    low, high = interval(errors, of)
    rate = f"{'BPCER' if living else 'APCER'} {errors}/{of}, {low:.1%} to {high:.1%}"
    if living:
        low, high = interval(counts["no response"], len(trials))
        rate += f"; BPNRR {counts['no response']}/{len(trials)}, {low:.1%} to {high:.1%}"
    passed = [f"{sum(one['checks'].get(cue, [''])[0] == 'passed' for one in trials)} passed" for cue in CUES]
    return [name, str(len(trials)), *(str(count) for count in counts.values()), rate, *passed]


def _times(trials: Sequence[Told]) -> str:
    living = [one for one in trials if one["species"] == "bona fide" and one["response"] == "accepted"]
    if not living:
        return ""
    return (
        f"Accepted bona fide: median {median(one['took_ms'] for one in living) / 1000:.2f} s of frames, "
        f"decision at most {max(one['decision_ms'] for one in living):.0f} ms CPU, "
        f"per frame {median(one['vision_ms'] for one in living):.1f} ms CPU at 640x360.\n"
    )


def _det(trials: Sequence[Told]) -> Pixels:
    """Draw for each cue the errors at every threshold: bona fide refused against attacks that pass this cue alone."""
    picture = np.full((SIDE + 2 * EDGE, SIDE + 2 * EDGE, 3), 255, np.uint8)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = EDGE + round(share * SIDE)
        cv2.line(picture, (at, EDGE), (at, EDGE + SIDE), GREY)
        cv2.line(picture, (EDGE, at), (EDGE + SIDE, at), GREY)
        _write(picture, f"{share:.0%}", (at - 12, EDGE + SIDE + 18))
        _write(picture, f"{1 - share:.0%}", (EDGE - 40, at + 4))
    _write(picture, "attacks that pass the cue (one photograph, rendered)", (EDGE, SIDE + EDGE + 40))
    _write(picture, "bona fide refused by the cue", (EDGE, EDGE - 24))
    for index, (cue, colour) in enumerate(zip(CUES, COLOURS, strict=True)):
        points = _curve(trials, cue)
        places = [(EDGE + round(x * SIDE), EDGE + round((1 - y) * SIDE)) for x, y in points]
        cv2.polylines(picture, [np.array(places, np.int32)], False, colour, 2, cv2.LINE_AA)
        _write(picture, cue, (EDGE + 210, EDGE + 22 + 18 * index), colour)
    return picture


def _curve(trials: Sequence[Told], cue: str) -> list[tuple[float, float]]:
    """Return (attacks passing, bona fide refused) over all thresholds; without a value a cue has not passed."""
    living = np.array([_score(one, cue) for one in trials if one["species"] == "bona fide"])
    attacks = np.array([_score(one, cue) for one in trials if not one["species"].startswith("bona fide")])
    limits = np.unique(np.concatenate([living, attacks, [-9.0, 99.0]]))
    return [(float((attacks >= limit).mean()), float((living < limit).mean())) for limit in limits]


def _score(trial: Told, cue: str) -> float:
    verdict, native, _ = trial["checks"].get(cue, ("", None, ""))
    # A turn into the wrong way or too early is none, however large its parallax.
    return -9.0 if native is None or (cue == CUES[0] and verdict != "passed") else float(native)


def _samples(finder: FaceFinder) -> Pixels:
    rows = []
    for species in SPECIES:
        strip = run(species, 1, finder, strips=True).strip[:STRIP_FRAMES]
        small = [cv2.resize(one, (STRIP_WIDTH, STRIP_WIDTH * 9 // 16), interpolation=cv2.INTER_AREA) for one in strip]
        blank = np.full((STRIP_WIDTH * 9 // 16, STRIP_WIDTH, 3), 255, np.uint8)
        row = np.concatenate([*small, *[blank] * (STRIP_FRAMES - len(small))], axis=1)
        title = np.full((20, row.shape[1], 3), 255, np.uint8)
        _write(title, species, (4, 14))
        rows += [title, row]
    return np.asarray(np.concatenate(rows), np.uint8)


def _write(picture: Pixels, text: str, at: tuple[int, int], colour: tuple[int, int, int] = BLACK) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
