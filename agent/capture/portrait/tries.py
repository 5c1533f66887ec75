"""Several tries at one portrait: the best is kept as the portrait, the values of all of them as a part."""

from __future__ import annotations

import json
from dataclasses import replace

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.capture.portrait.errors import NoTriesLeft

PART = "portrait/tries"
SHARPNESS = "kiosk_sharpness"


class Tries:
    """Collects the evidence of up to `limit` tries (PortraitPolicy.tries). Pictures of the others are not kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: list[dict[str, object]] = []
        self._best: Evidence | None = None
        self._best_at = 0

    @property
    def left(self) -> int:
        """How many more tries there may be."""
        return self._limit - len(self._values)

    @property
    def any(self) -> bool:
        """Something was tried."""
        return self._best is not None

    def allow_more(self, tries: int) -> None:
        """Let that many more tries be made than there may be now."""
        self._limit += tries

    def add(self, evidence: Evidence) -> bool:
        """Take in a try; say whether it is the best so far. Raises NoTriesLeft."""
        if self.left <= 0:
            raise NoTriesLeft(f"{self._limit} of {self._limit}")
        self._values.append({"verdict": evidence.verdict, "checks": [_told(check) for check in evidence.checks]})
        if self._best is not None and _rank(evidence) <= _rank(self._best):
            return False
        self._best, self._best_at = evidence, len(self._values)
        return True

    def evidence(self) -> Evidence:
        """Return the best try's evidence with the part portrait/tries (JSON). Raises ValueError before the first."""
        if self._best is None:
            raise ValueError("nothing was tried yet")
        values = {"kept": self._best_at, "tries": self._values}
        part = Part(PART, "application/json", json.dumps(values, ensure_ascii=False).encode())
        facts = {**self._best.facts, "tries": f"{len(self._values)} of {self._limit}, number {self._best_at} is kept"}
        return replace(self._best, parts=(*self._best.parts, part), facts=facts)


_VERDICTS = (Verdict.FAILED, Verdict.NOT_ASSESSED, Verdict.PASSED)


def _rank(evidence: Evidence) -> tuple[int, int, float]:
    """Rank a passed one first and a failed one last, then by fewer gates that did not pass, then by sharpness."""
    open_gates = sum(check.gate and check.verdict is not Verdict.PASSED for check in evidence.checks)
    sharpness = next((check.native for check in evidence.checks if check.name == SHARPNESS), None)
    return _VERDICTS.index(evidence.verdict), -open_gates, sharpness or 0.0


def _told(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "verdict": check.verdict,
        "reason": check.reason,
        "native": check.native,
        "unit": check.unit,
        "scalar": check.scalar,
        "gate": check.gate,
    }
