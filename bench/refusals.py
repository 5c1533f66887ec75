"""What the hard gates refuse, counted: `python -m bench.refusals` (some minutes).

Synthetic prints only; nothing here was measured on people, so the columns say how the gates treat what the mock makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from firmware_mocks.fingers import Impression, Pattern, blank, master, natural, plain_skin, press

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.quality import assess, resample
from agent.capture.fingerprint.quality.gates import CONTRAST, FOREGROUND, RIDGES, SMEAR
from agent.devices.seams import Pixels

PRINTS = 60
# Other fingers than those by which the limits were found.
FIRST_SEED = 9000
GATES = (CONTRAST, FOREGROUND, RIDGES, SMEAR)


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many of `prints` any gate refused, and each gate."""

    kind: str
    prints: int
    refused: int
    by_gate: tuple[int, ...]


def count(prints: int = PRINTS) -> Iterator[Refusals]:
    """Yield the counts of each kind."""
    for kind, make in _kinds().items():
        failed = [_failed(make(number)) for number in range(prints)]
        by_gate = tuple(sum(gate in one for one in failed) for gate in GATES)
        yield Refusals(kind, prints, sum(map(bool, failed)), by_gate)


def _kinds() -> dict[str, Callable[[int], Pixels]]:
    touches: dict[str, dict[str, float]] = {
        "natural": {},
        "wet": {"moisture": 0.9},
        "dry": {"moisture": 0.15},
        "light": {"pressure": 0.1},
        "hard": {"pressure": 1.0},
        "turned 25 degrees": {"rotation_deg": 25},
        "60 % of the tip": {"coverage": 0.6},
        "40 % of the tip": {"coverage": 0.4},
        "25 % of the tip": {"coverage": 0.25},
        **{f"slid {length} px": {"smear_px": length} for length in (8, 12, 16, 22, 30, 45)},
        **{f"slid {length} px sideways": {"smear_px": length, "rotation_deg": 90} for length in (12, 16, 30)},
    }
    made: dict[str, Callable[[int], Pixels]] = {}
    for kind, values in touches.items():
        made[kind] = lambda number, values=values: _pressed(number, values)  # type: ignore[misc]
    return made | {"plain skin": lambda number: plain_skin(FIRST_SEED + number), "blank": blank}


def _pressed(number: int, values: dict[str, float]) -> Pixels:
    patterns = tuple(Pattern)
    touch: Impression = replace(natural(FIRST_SEED + number), **values)  # type: ignore[arg-type]
    return press(master(FIRST_SEED + number, patterns[number % len(patterns)]), touch)


def _failed(pixels: Pixels) -> set[str]:
    found = assess(resample(np.ascontiguousarray(pixels), 500, 500))
    return {check.name for check in found.checks if check.gate and check.verdict is Verdict.FAILED}


def main() -> None:
    """Print the table, in Markdown."""
    print("| synthetic prints | refused | contrast | area | ridges | smear |\n|---|---|---|---|---|---|")
    for one in count():
        print(f"| {one.kind} | {one.refused} of {one.prints} | " + " | ".join(map(str, one.by_gate)) + " |", flush=True)


if __name__ == "__main__":
    main()
