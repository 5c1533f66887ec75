"""The match stage: the portrait against the chip's picture and against the face that answered the challenge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.capture.evidence import Check, Evidence, Guidance, Part, Verdict
from agent.capture.match.matching import STAGE, match_faces
from agent.intake.stages import Context, Outcome
from agent.words import Words

COMPARING = Words("Đang so khuôn mặt với ảnh trong chip.", "Comparing the face with the picture in the chip.")
PORTRAITS = ("portrait/crop", "portrait/still")
# The frontal frame and the ones of the turns are the same head at other angles, which costs distance.
LIVE = ("liveness/frontal", "liveness/flash")


@dataclass(frozen=True, slots=True)
class MatchStage:
    """Compare what the stages before took, where the policy asks for liveness. `threshold` is a distance."""

    models_folder: Path
    threshold: float | None
    name: str = STAGE

    def perform(self, context: Context) -> Outcome:
        """Compare; what is missing is not assessed."""
        if self.threshold is None:
            reason = "the policy does not ask for it"
            return Outcome(Evidence(self.name, (Check(self.name, Verdict.NOT_ASSESSED, reason),)))
        parts = {part.name: part for one in context.earlier for part in one.parts}
        context.guide(Guidance("match.comparing", COMPARING))
        evidence = match_faces(
            _first(parts.get(name) for name in PORTRAITS),
            _first([parts.get("chip/portrait")]),
            [parts[name].data for name in LIVE if name in parts],
            self.models_folder,
            threshold=self.threshold,
            cancelled=context.cancelled,
        )
        return Outcome(evidence)


def _first(parts: Iterable[Part | None]) -> bytes | None:
    return next((part.data for part in parts if part is not None), None)
