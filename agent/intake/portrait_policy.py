"""The `portrait` section of the policy: gates, patience, sizes, tries, and what people may decide by hand."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.capture.portrait import PortraitPolicy, Range, Reason, SizeLimits, SpecialCase
from agent.capture.portrait.measures import JPEG, JPEG_2000
from agent.capture.portrait.policy import DEFAULT_GATES
from agent.capture.portrait.settings import CROP_MAX_BYTES, STILL_MAX_BYTES

ReasonCode = Literal["cannot_hold_still", "cannot_pose", "light", "background", "judged_good"]
CaseCode = Literal["closed_eye", "tremor", "head_tilt", "head_covering", "medical_device"]
REASONS: dict[ReasonCode, Reason] = {
    "cannot_hold_still": Reason.CANNOT_HOLD_STILL,
    "cannot_pose": Reason.CANNOT_POSE,
    "light": Reason.LIGHT,
    "background": Reason.BACKGROUND,
    "judged_good": Reason.JUDGED_GOOD,
}
CASES: dict[CaseCode, SpecialCase] = {
    "closed_eye": SpecialCase.CLOSED_EYE,
    "tremor": SpecialCase.TREMOR,
    "head_tilt": SpecialCase.HEAD_TILT,
    "head_covering": SpecialCase.HEAD_COVERING,
    "medical_device": SpecialCase.MEDICAL_DEVICE,
}


class GateLimits(BaseModel):
    """Lowest and highest native value that passes; the unit is the measure's own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("give low, high or both; null for the whole gate makes its measure reported only")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")
        return self

    def range(self) -> Range:
        """Return the limits as the capture takes them."""
        return Range(float("-inf") if self.low is None else self.low, float("inf") if self.high is None else self.high)


class PortraitSection(BaseModel):
    """What a portrait must be.

    `gates` replaces single gates of the table in docs/portrait.md; null makes a measure reported only. `by_hand` and
    `special_cases` list what operators may choose; an empty list forbids it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    gates: dict[str, GateLimits | None] = Field(default_factory=dict)
    hold_s: float = Field(default=1.0, gt=0, le=10)
    tries: int = Field(default=3, ge=1, le=10)
    still_max_bytes: int = Field(default=STILL_MAX_BYTES, ge=100_000, le=8_000_000)
    crop_max_bytes: int = Field(default=CROP_MAX_BYTES, ge=25_000, le=2_000_000)
    crop_format: Literal["jpeg", "jpeg2000"] = "jpeg"
    by_hand: frozenset[ReasonCode] = frozenset(REASONS)
    special_cases: frozenset[CaseCode] = frozenset(CASES)

    @field_validator("gates")
    @classmethod
    def _gates_are_known(cls, gates: dict[str, GateLimits | None]) -> dict[str, GateLimits | None]:
        unknown = sorted(set(gates) - set(DEFAULT_GATES))
        if unknown:
            raise ValueError(f"no such gate: {', '.join(unknown)}; there are {', '.join(DEFAULT_GATES)}")
        return gates

    def policy(self) -> PortraitPolicy:
        """Return what the capture judges by, in the order of the table."""
        own = {name: limits.range() for name, limits in self.gates.items() if limits is not None}
        dropped = {name for name, limits in self.gates.items() if limits is None}
        gates = {name: own.get(name, allowed) for name, allowed in DEFAULT_GATES.items() if name not in dropped}
        crop_type = JPEG_2000 if self.crop_format == "jpeg2000" else JPEG
        limits = SizeLimits(self.still_max_bytes, self.crop_max_bytes, crop_type)
        return PortraitPolicy(gates, self.hold_s, limits, self.tries)
