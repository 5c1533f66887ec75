"""Which measures decide, on native values, and which are only reported.

| measure | gate by default | why |
|---|---|---|
| single_face_present | second face <= 0.1 of the first's area | |
| inter_eye_distance | >= 90 px | ISO/IEC 19794-5 |
| kiosk_crop_height | >= 540 px | 45 mm at 305 dpi: a crop is never enlarged |
| kiosk_crop_inside_frame | >= 0.98 | a crop must not be filled up |
| head_pose_yaw, _pitch, _roll | 5, 8, 8 degrees | on degrees: the scalar gives 99 at 5. Pitch strays by about 3 |
| under_exposure_prevention | share <= 0.6 | the standard halves its scalar at 0.92; dark skin well lit has 0.35 |
| over_exposure_prevention | share <= 0.05 | |
| illumination_uniformity | >= 0.25 | |
| eyes_open | lid gap >= 0.03 of T | coarse: landmarks keep closed lids apart |
| kiosk_eye_contrast | >= 0.28 | ours, tells closed lids; provisional, synthetic |
| kiosk_glasses_glare, kiosk_red_eye | share <= 0.03, <= 0.2 | ours; provisional, synthetic |
| mouth_closed | lip gap <= 0.2 of T | |
| kiosk_motion_blur | <= 0.25 | ours; provisional, synthetic |
| kiosk_sharpness | >= 0.25 | ours; provisional, synthetic |
| background_uniformity | gradient <= 30 | on the native value: the scalar gives 77 for a strong pattern. Still only |
| luminance_mean, luminance_variance, natural_colour | reported | biased by skin tone |
| dynamic_range | reported | no threshold separates good from bad |
| head_size, crops and margins | reported | properties of our own crop |
| UNASSESSED | not assessed | |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from agent.capture.evidence import Check, Verdict
from agent.capture.portrait.measures import STILL_ONLY, Analysis, Measure, SizeLimits
from agent.capture.portrait.settings import CROP_HEIGHT
from agent.capture.portrait.special_cases import Relaxation


@dataclass(frozen=True, slots=True)
class Range:
    """Lowest and highest native value that passes."""

    low: float = float("-inf")
    high: float = float("inf")

    def holds(self, value: float) -> bool:
        """Say whether a value lies inside."""
        return self.low <= value <= self.high

    def narrowed(self, share: float) -> Range:
        """Return the range with both limits moved inwards by a share of their size."""
        low = self.low + share * abs(self.low) if math.isfinite(self.low) else self.low
        high = self.high - share * abs(self.high) if math.isfinite(self.high) else self.high
        return Range(low, high)


# In the order in which people are told about them.
DEFAULT_GATES: Mapping[str, Range] = MappingProxyType(
    {
        "single_face_present": Range(high=0.1),
        "under_exposure_prevention": Range(high=0.6),
        "over_exposure_prevention": Range(high=0.05),
        "inter_eye_distance": Range(low=90),
        "kiosk_crop_height": Range(low=CROP_HEIGHT - 0.5),
        "kiosk_crop_inside_frame": Range(low=0.98),
        "head_pose_yaw": Range(-5, 5),
        "head_pose_pitch": Range(-8, 8),
        "head_pose_roll": Range(-8, 8),
        "illumination_uniformity": Range(low=0.25),
        "kiosk_glasses_glare": Range(high=0.03),
        "eyes_open": Range(low=0.03),
        "kiosk_eye_contrast": Range(low=0.28),
        "mouth_closed": Range(high=0.2),
        "kiosk_motion_blur": Range(high=0.25),
        "kiosk_sharpness": Range(low=0.25),
        "kiosk_red_eye": Range(high=0.2),
        "background_uniformity": Range(high=30),
    }
)


@dataclass(frozen=True, slots=True)
class PortraitPolicy:
    """Gates by measure; `hold_s` is how long all must hold, the best frame of that time is kept.

    `limits` bounds the pictures' sizes, `tries` how often a portrait may be taken. A relaxed gate is measured and
    recorded, but does not hold the portrait up; only `relaxed` makes such a policy.
    """

    gates: Mapping[str, Range] = field(default_factory=lambda: DEFAULT_GATES)
    hold_s: float = 1.0
    limits: SizeLimits = field(default_factory=SizeLimits)
    tries: int = 3
    relaxations: tuple[Relaxation, ...] = ()

    def relaxed(self, *relaxations: Relaxation) -> Self:
        """Return the policy for a special case."""
        return replace(self, relaxations=(*self.relaxations, *relaxations))

    def relaxation(self, name: str) -> Relaxation | None:
        """Return what relaxes a gate, or None when it is in force."""
        return next((one for one in self.relaxations if name in one.gates), None)

    def failed(self, analysis: Analysis) -> list[str]:
        """Return the gates in force that do not hold, in the order of the table; without a face, all of them.

        What only a still is measured for does not count against a preview, nor without a face.
        """
        failed = []
        for name, allowed in self.gates.items():
            if (name in STILL_ONLY and name not in analysis.measures) or self.relaxation(name):
                continue
            native = analysis.native(name)
            if native is None or not allowed.holds(native):
                failed.append(name)
        return failed

    def checks(self, analysis: Analysis) -> tuple[Check, ...]:
        """Return every measure as a check with its verdict, and every gate without a measure as not assessed."""
        missing = [Measure(name, None, reason="not measured") for name in self.gates if name not in analysis.measures]
        return tuple(self._check(measure) for measure in [*analysis.measures.values(), *missing])

    def _check(self, measure: Measure) -> Check:
        allowed = self.gates.get(measure.name)
        verdict, reason = _judge(measure, allowed)
        relaxation = self.relaxation(measure.name)
        if verdict is Verdict.FAILED and relaxation:
            # Never a pass: what was measured stays in the reason.
            verdict, reason = Verdict.NOT_ASSESSED, f"relaxed for {relaxation.case}: {reason}"
        return Check(
            measure.name,
            verdict,
            reason,
            native=measure.native,
            unit=measure.unit,
            scalar=measure.scalar,
            gate=allowed is not None,
        )


def _judge(measure: Measure, allowed: Range | None) -> tuple[Verdict, str]:
    if measure.native is None:
        return Verdict.NOT_ASSESSED, measure.reason or "not measured"
    if allowed is None:
        return Verdict.NOT_ASSESSED, "reported only: no threshold is in force"
    if allowed.holds(measure.native):
        return Verdict.PASSED, ""
    return Verdict.FAILED, f"{measure.name} {measure.native:.3g} is outside {allowed.low:g}..{allowed.high:g}"
