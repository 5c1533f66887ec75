"""Running the decision again from a record's evidence; needs no camera, no model and no kiosk."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.capture.evidence import Check, Verdict
from agent.capture.liveness.decision import decide
from agent.capture.liveness.errors import SeriesUnreadable
from agent.capture.liveness.series import decode

MOST_BYTES, MOST_TRIES = 4_000_000, 20


@dataclass(frozen=True, slots=True)
class Verified:
    """One try decided again: its checks, what the kiosk said of it, and whether both agree."""

    checks: tuple[Check, ...]
    no_response: str
    said_passed: bool

    @property
    def passed(self) -> bool:
        """Every gate holds now."""
        return not self.no_response and all(c.verdict is Verdict.PASSED for c in self.checks if c.gate)

    @property
    def agrees(self) -> bool:
        """The kiosk came to the same."""
        return self.passed == self.said_passed


def verify_series(part: bytes) -> tuple[Verified, ...]:
    """Decide every try of a part liveness/series again; raise SeriesUnreadable for anything that is none."""
    if len(part) > MOST_BYTES:
        raise SeriesUnreadable(f"{len(part)} bytes")
    try:
        tries = json.loads(part)
        if not isinstance(tries, list) or not 0 < len(tries) <= MOST_TRIES:
            raise SeriesUnreadable("no list of tries")
        return tuple(_verified(one) for one in tries)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # Not the error's text: it may quote what was measured of a person.
        raise SeriesUnreadable(type(error).__name__) from error


def _verified(told: dict[str, object]) -> Verified:
    series = told["series"]
    if not isinstance(series, dict):
        raise ValueError("no series")
    return Verified(decide(decode(series)), str(told["no_response"]), told["passed"] is True)
