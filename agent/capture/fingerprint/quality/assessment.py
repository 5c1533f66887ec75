"""Everything that is said about one print: native measures, our score, and the gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.quality.errors import BlankPrint, PrintTooSmall, TooLittlePrint
from agent.capture.fingerprint.quality.gates import DEFAULT_LIMITS, GateLimits, gates, gates_of_unmeasured
from agent.capture.fingerprint.quality.measures import measure
from agent.capture.fingerprint.quality.picture import trimmed
from agent.capture.fingerprint.quality.quality_map import quality_map
from agent.capture.fingerprint.quality.score import SCORE_NAME, kiosk_fingerprint_score
from agent.devices.seams import Pixels


@dataclass(frozen=True, slots=True)
class Assessment:
    """`measures` by NIST's names (empty when nothing could be measured), our `score` 0..100, the gates' `checks`."""

    checks: tuple[Check, ...]
    measures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    score: int | None = None

    @property
    def refused(self) -> bool:
        """Say whether any gate failed; then the score does not matter."""
        return any(check.gate and check.verdict is Verdict.FAILED for check in self.checks)


def assess(image: Pixels, limits: GateLimits = DEFAULT_LIMITS) -> Assessment:
    """Assess one print (height x width, 8-bit grey, 500 x 500 ppi).

    A print with nothing to measure is refused, not an error. Raises WrongPixels or PrintTooLarge.
    """
    try:
        measures = measure(image)
    except (BlankPrint, TooLittlePrint, PrintTooSmall) as cause:
        unscored = Check(SCORE_NAME, Verdict.NOT_ASSESSED, f"not measured: {cause.words.en}", gate=False)
        return Assessment((*gates_of_unmeasured(cause), unscored))
    score = kiosk_fingerprint_score(measures)
    scored = Check(SCORE_NAME, Verdict.PASSED, scalar=score, gate=False)
    verdicts = gates(measures, quality_map(trimmed(image)).one_direction, limits)
    return Assessment((*verdicts, scored), measures, score)
