"""`make bench`: a small table, and all figures as JSON."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from bench import backlog, chip, draining, fingerprint_quality, intake, portrait, portrait_live, storing, uplink
from bench.measure import Figure, Quartiles


def main() -> None:
    """Run everything; print the table and write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("var/bench.json"), help="where the figures go")
    arguments = parser.parse_args()
    # The figures are what is looked for here, not the events of every record.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    figures: list[Figure] = []
    for part in (storing, chip, portrait, fingerprint_quality, draining):
        with tempfile.TemporaryDirectory() as scratch:
            figures += part.figures(Path(scratch))
    with tempfile.TemporaryDirectory() as scratch:
        figures += backlog.figures(Path(scratch))
        memory = backlog.memory(Path(scratch))
    live, workers = portrait_live.figures_and_memory()
    figures, memory = figures + live, {**memory, **workers}
    with tempfile.TemporaryDirectory() as scratch:
        sending = uplink.figures(Path(scratch))
    stages = intake.stage_times(persons=5)
    _print(figures, stages)
    _print_memory(memory)
    _print_sending(sending)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    told: dict[str, object] = {"figures": [asdict(f) | {"ratio": f.ratio} for f in figures]}
    told |= {"intake_ms": stages, "memory_mib": memory, "uplink": sending}
    arguments.json.write_text(json.dumps(told, indent=2), encoding="utf-8")
    print(arguments.json)


def _print(figures: list[Figure], stages: dict[str, float]) -> None:
    table = Table("what", "median ms (quartiles)", "floor", "floor ms", "ratio", "runs")
    for figure in figures:
        ours = _told(figure.median_ms, figure.quartiles_ms)
        floor = _told(figure.floor_ms, figure.floor_quartiles_ms)
        table.add_row(figure.name, ours, figure.floor, floor, f"{figure.ratio:.2f}", str(figure.runs))
    Console().print(table)
    table = Table("stage of a whole intake", "median ms")
    for stage, took in stages.items():
        table.add_row(stage, f"{took:.0f}")
    Console().print(table)


def _told(median_ms: float, quartiles_ms: Quartiles | None) -> str:
    spread = "" if quartiles_ms is None else f" ({quartiles_ms[0]:.2f}-{quartiles_ms[1]:.2f})"
    return f"{median_ms:.2f}{spread}"


def _print_memory(memory: Mapping[str, float]) -> None:
    table = Table("process", "memory, MiB")
    for what, most in memory.items():
        table.add_row(what, f"{most:.0f}")
    Console().print(table)


def _print_sending(sending: Mapping[str, float]) -> None:
    table = Table("uplink", "value")
    for what, value in sending.items():
        table.add_row(what, f"{value:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
