"""Hard gates beside the score: a blank, partial or smeared print and plain skin are refused whatever the score says.

| gate | refused when | where the limit comes from |
|---|---|---|
| empty_image_or_contrast_too_low | deviation < 8 or mean > 250 | NFIQ 2 says 1, but no print in its table is below 20 |
| sufficient_fingerprint_foreground | < 50,000 pixels of finger | NFIQ 2 |
| kiosk_ridges_present | LCS <= 0.36, OCL <= 0.30 or coherence <= 0.24 | plain skin on a pad: .36, .26, .20 |
| kiosk_no_smear | more than 0.30 of the blocks without ridges, or streaks > 0.14 | ours, see below |

Of the 199 scored prints in NIST's table the ridges gate refuses one, and the smallest OCL and coherence are .37 and
.28. A block without any ridge wave has an FDA of 1; `streaks` is the share of those times how much the whole print
flows one way. Of 360 synthetic prints (natural, wet, dry, light, hard, noisy, turned, scarred) at most .27 of the
blocks have no ridges and streaks reach .12; a finger that slid 12 pixels or more gives .24 to .70 and up to .51. In
NIST's table none of the 162 prints with a score of 20 or more has more than .30, of the 37 worse ones 11 have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.quality.errors import BlankPrint, PrintQualityError

CONTRAST = "empty_image_or_contrast_too_low"
FOREGROUND = "sufficient_fingerprint_foreground"
RIDGES = "kiosk_ridges_present"
SMEAR = "kiosk_no_smear"


@dataclass(frozen=True, slots=True)
class GateLimits:
    """The limits of the table above. Ridge measures must lie above theirs, the others at or below."""

    min_deviation: float = 8.0
    max_mean: float = 250.0
    min_foreground_px: float = 50_000
    clarity: float = 0.36
    certainty: float = 0.30
    coherence: float = 0.24
    max_ridgeless: float = 0.30
    max_streaks: float = 0.14


DEFAULT_LIMITS = GateLimits()


def gates(
    measures: Mapping[str, float], one_direction: float, limits: GateLimits = DEFAULT_LIMITS
) -> tuple[Check, ...]:
    """Return the four verdicts on measured values; `one_direction` is QualityMap.one_direction."""
    return (
        _contrast(measures, limits),
        _foreground(measures, limits),
        _ridges(measures, limits),
        _smear(measures, one_direction, limits),
    )


def gates_of_unmeasured(cause: PrintQualityError) -> tuple[Check, ...]:
    """Return the verdicts on a print that could not be measured: the gate behind it failed, the rest not assessed."""
    failed = CONTRAST if isinstance(cause, BlankPrint) else FOREGROUND
    unmeasured = f"not measured: {cause.words.en}"
    return tuple(
        Check(name, Verdict.FAILED, str(cause)) if name == failed else Check(name, Verdict.NOT_ASSESSED, unmeasured)
        for name in (CONTRAST, FOREGROUND, RIDGES, SMEAR)
    )


def ridgeless(measures: Mapping[str, float]) -> float:
    """Return the share of blocks without a ridge wave, 0..1."""
    blocks = sum(measures[f"FDA_Bin10_{number}"] for number in range(10))
    return measures["FDA_Bin10_9"] / blocks if blocks else 0.0


def streaks(measures: Mapping[str, float], one_direction: float) -> float:
    """Return the share of blocks without a ridge wave times the share of flow that points one way, 0..1."""
    return ridgeless(measures) * one_direction


def _contrast(measures: Mapping[str, float], limits: GateLimits) -> Check:
    deviation, mean = measures["UniformImage"], measures["EmptyImageOrContrastTooLow"]
    wrong = []
    if deviation < limits.min_deviation:
        wrong.append(f"the greys deviate by {deviation:.2f}, at least {limits.min_deviation:g} is needed")
    if mean > limits.max_mean:
        wrong.append(f"the mean grey is {mean:.1f}, at most {limits.max_mean:g} is allowed")
    return _check(CONTRAST, wrong, deviation, "grey")


def _foreground(measures: Mapping[str, float], limits: GateLimits) -> Check:
    area = measures["SufficientFingerprintForeground"]
    short = f"{area:.0f} pixels of finger, at least {limits.min_foreground_px:.0f} are needed"
    return _check(FOREGROUND, [short] if area < limits.min_foreground_px else [], area, "px")


def _ridges(measures: Mapping[str, float], limits: GateLimits) -> Check:
    needed = {
        "LCS_Bin10_Mean": limits.clarity,
        "OCL_Bin10_Mean": limits.certainty,
        "OrientationMap_ROIFilter_CoherenceRel": limits.coherence,
    }
    wrong = [
        f"{name} is {measures[name]:.2f}, above {limit:g} is needed"
        for name, limit in needed.items()
        if not measures[name] > limit
    ]
    return _check(RIDGES, wrong, measures["OrientationMap_ROIFilter_CoherenceRel"], "coherence")


def _smear(measures: Mapping[str, float], one_direction: float, limits: GateLimits) -> Check:
    without, value = ridgeless(measures), streaks(measures, one_direction)
    wrong = []
    if not without <= limits.max_ridgeless:
        wrong.append(f"{without:.2f} of the print has no ridges, at most {limits.max_ridgeless:g} is allowed")
    if not value <= limits.max_streaks:
        wrong.append(f"streaks are {value:.2f}, at most {limits.max_streaks:g} is allowed")
    return _check(SMEAR, wrong, value, "share")


def _check(name: str, wrong: list[str], native: float, unit: str) -> Check:
    verdict = Verdict.FAILED if wrong else Verdict.PASSED
    return Check(name, verdict, "; ".join(wrong), native=native, unit=unit)
