"""Machine time of a whole intake by stage, from demo visits on the mock devices (nobody has to be waited for)."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def stage_times(persons: int) -> dict[str, float]:
    """Return the median milliseconds of each stage over `persons` demo visits."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "demo"
        command = [sys.executable, "-m", "demo", "--persons", str(persons), "--folder", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60 + 60 * persons)
        times: dict[str, list[float]] = {}
        for line in (folder / "logs" / "agent.log").read_text(encoding="utf-8").splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "visit.stage":
                times.setdefault(event["stage"], []).append(event["took_ms"])
            elif event.get("event") == "visit.durable":
                times.setdefault("seal + enqueue", []).append(event["took_ms"])
        return {stage: statistics.median(values) for stage, values in times.items()}
