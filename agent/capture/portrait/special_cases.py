"""People who cannot meet every gate: which gates a special case may relax, for which reason, on whose word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from agent.capture.portrait.errors import GateNotRelaxable
from agent.words import Words


class SpecialCase(StrEnum):
    """Why a gate cannot be met; a closed list, so that no medical detail gets into a record."""

    CLOSED_EYE = "closed eye"
    TREMOR = "tremor"
    HEAD_TILT = "head tilt"
    HEAD_COVERING = "head covering"
    MEDICAL_DEVICE = "medical device on the face"


WORDS: Mapping[SpecialCase, Words] = MappingProxyType(
    {
        SpecialCase.CLOSED_EYE: Words("Không mở được mắt", "An eye cannot be opened"),
        SpecialCase.TREMOR: Words("Run, không giữ yên được", "Tremor: cannot hold still"),
        SpecialCase.HEAD_TILT: Words("Không giữ đầu thẳng được", "Cannot hold the head straight"),
        SpecialCase.HEAD_COVERING: Words("Khăn hoặc mũ không bỏ được", "Turban or headscarf"),
        SpecialCase.MEDICAL_DEVICE: Words("Ống thở hoặc dụng cụ y tế", "Oxygen tube or other medical device"),
    }
)
# What makes the picture useless or another person's (faces, size, framing, exposure) is in no list.
RELAXABLE: Mapping[SpecialCase, frozenset[str]] = MappingProxyType(
    {
        SpecialCase.CLOSED_EYE: frozenset({"eyes_open", "kiosk_eye_contrast"}),
        SpecialCase.TREMOR: frozenset(
            {"kiosk_motion_blur", "kiosk_sharpness", "head_pose_yaw", "head_pose_pitch", "head_pose_roll"}
        ),
        SpecialCase.HEAD_TILT: frozenset({"head_pose_yaw", "head_pose_pitch", "head_pose_roll"}),
        SpecialCase.HEAD_COVERING: frozenset({"illumination_uniformity"}),
        SpecialCase.MEDICAL_DEVICE: frozenset({"mouth_closed", "illumination_uniformity", "kiosk_glasses_glare"}),
    }
)


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Gates that a special case takes out of force for one person.

    `supervisor` is the name under which whoever allowed it signed in. Raises GateNotRelaxable for a gate that this
    case does not touch, or without a supervisor.
    """

    case: SpecialCase
    supervisor: str
    gates: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.supervisor.strip():
            raise GateNotRelaxable("no supervisor")
        if not self.gates:
            object.__setattr__(self, "gates", RELAXABLE[self.case])
        wrong = sorted(self.gates - RELAXABLE[self.case])
        if wrong:
            raise GateNotRelaxable(f"{self.case}: {', '.join(wrong)}")

    @property
    def told(self) -> str:
        """What the evidence says of it."""
        return f"{', '.join(sorted(self.gates))}; allowed by {self.supervisor}"
