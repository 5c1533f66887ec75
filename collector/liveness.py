"""Deciding a record's liveness again from its evidence, and holding it against what the kiosk says."""

from __future__ import annotations

from typing import Any

from agent.capture.liveness.verifying import Verified, verify_series
from agent.opening import OpenedRecord
from agent.proto import border
from collector.errors import NoEvidence

STAGE, PART = "liveness", "liveness/series"

Json = dict[str, Any]  # Any: JSON nests freely


def decide_again(opened: OpenedRecord) -> Json:
    """Return every try with its checks decided again, JSON-ready.

    `agrees` says whether the kiosk's verdicts, each try's and the stage's, follow from the evidence.
    Raises NoEvidence for a record without it, SeriesUnreadable for evidence that is none.
    """
    parts = dict(zip((entry.name for entry in opened.manifest.parts), opened.parts, strict=True))
    stage = next((stage for stage in opened.manifest.stages if stage.name == STAGE), None)
    if PART not in parts or stage is None:
        raise NoEvidence(opened.manifest.record_id.hex())
    tries = verify_series(parts[PART])
    # People's decisions never make a stage passed: only the last try can.
    stage_agrees = (stage.verdict is border.Verdict.PASSED) == tries[-1].passed
    return {
        "record_id": opened.manifest.record_id.hex(),
        "passed": tries[-1].passed,
        "agrees": stage_agrees and all(one.agrees for one in tries),
        "tries": [_told(one) for one in tries],
    }


def _told(one: Verified) -> Json:
    checks = [
        {"name": c.name, "verdict": c.verdict.value, "native": c.native, "unit": c.unit, "reason": c.reason}
        for c in one.checks
    ]
    return {"passed": one.passed, "agrees": one.agrees, "no_response": one.no_response, "checks": checks}
