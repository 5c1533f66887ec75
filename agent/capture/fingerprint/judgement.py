"""Everything that is said about one picture: native measures, scores, gates, and whether the score suffices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.policy import FingerprintPolicy
from agent.capture.fingerprint.quality import (
    SCORE_NAME,
    Assessment,
    annotate,
    assess,
    find_nfiq2,
    nfiq2_check,
    resample,
    score_model,
)
from agent.devices.errors import Cancelled, DeviceError
from agent.devices.seams import Pixels

THRESHOLD = "quality_threshold"
MINUTIAE = "minutiae"
MINDTCT = "minutiae by libfprint's mindtct"

# Counts the minutiae of a print at 500 x 500 ppi, until the deadline; raises DeviceError.
CountMinutiae = Callable[[Pixels, float, Event], int]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One picture judged. `pixels` is at 500 x 500 ppi.

    `threshold` says whether the score suffices; `reported` (NIST's program, minutiae) decides nothing by itself.
    """

    pixels: Pixels = field(repr=False)
    assessment: Assessment
    threshold: Check
    reported: tuple[Check, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything that is said about it."""
        return (*self.assessment.checks, self.threshold, *self.reported)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The gates that failed."""
        return tuple(check for check in self.checks if check.gate and check.verdict is Verdict.FAILED)

    def check(self, name: str) -> Check:
        """Return the check of this name; raise KeyError when there is none."""
        return {check.name: check for check in self.checks}[name]

    def annotated(self) -> Pixels:
        """Return the picture (BGR, twice as large) with foreground, quality map and ridge flow drawn on it."""
        return annotate(self.pixels)

    def told(self) -> dict[str, object]:
        """Return all values JSON-ready, the native measures under NIST's names."""
        return {
            SCORE_NAME: self.assessment.score,
            "native_measures": dict(self.assessment.measures),
            "checks": [check_told(check) for check in self.checks],
        }


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges pictures. `nfiq2` is NIST's program and `minutiae` a counter, None where they are not installed."""

    policy: FingerprintPolicy
    nfiq2: Path | None = field(default_factory=find_nfiq2)
    minutiae: CountMinutiae | None = None

    def judge(self, image: Pixels, x_ppi: float, y_ppi: float, least: int, cancelled: Event) -> Judgement:
        """Judge one picture (height x width, 8-bit grey), whose score should be `least`, 0..100.

        Raises WrongPixels, WrongResolution, PrintTooSmall, PrintTooLarge or Cancelled.
        """
        pixels = resample(image, x_ppi, y_ppi)
        found = assess(pixels, self.policy.limits)
        deadline = time.monotonic() + self.policy.program_s
        unified = nfiq2_check(self.nfiq2, pixels, deadline, cancelled)
        reported = (unified, self._counted(pixels, deadline, cancelled))
        return Judgement(pixels, found, threshold(found, unified, least), reported)

    def _counted(self, pixels: Pixels, deadline: float, cancelled: Event) -> Check:
        if self.minutiae is None:
            return Check(MINUTIAE, Verdict.NOT_ASSESSED, "no detector of minutiae is used", gate=False)
        try:
            count = self.minutiae(pixels, deadline, cancelled)
        except Cancelled:
            raise
        except DeviceError as error:
            return Check(MINUTIAE, Verdict.NOT_ASSESSED, str(error), gate=False)
        return Check(MINUTIAE, Verdict.PASSED, "", count, MINDTCT, gate=False)


def threshold(found: Assessment, unified: Check, least: int) -> Check:
    """Hold NIST's score against `least`, or ours where NIST's is not there; the unit says which."""
    score, unit = found.score, f"{SCORE_NAME} ({score_model().version})"
    if unified.verdict is Verdict.PASSED:
        score, unit = unified.scalar, unified.unit
    if score is None:
        return Check(THRESHOLD, Verdict.NOT_ASSESSED, "not measured: there is no score", unit=unit)
    if score < least:
        return Check(THRESHOLD, Verdict.FAILED, f"{score}, at least {least} is needed", score, unit, score)
    return Check(THRESHOLD, Verdict.PASSED, "", score, unit, score)


def check_told(check: Check) -> dict[str, object]:
    """Return a check JSON-ready, without what it does not have."""
    told = {"name": check.name, "verdict": str(check.verdict), "reason": check.reason, "native": check.native}
    told |= {"unit": check.unit, "scalar": check.scalar, "gate": check.gate}
    return {name: value for name, value in told.items() if value not in ("", None)}
