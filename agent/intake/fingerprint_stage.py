"""The fingerprint stage: the fingers that the policy asks for, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from agent.capture.fingerprint import FingerprintPolicy, capture_fingers
from agent.devices.seams import FingerprintPad
from agent.intake.stages import Context, Outcome


@dataclass(frozen=True, slots=True)
class FingerprintStage:
    """Take the fingers. The pad is opened when the stage needs it and closed after it."""

    pad: AbstractContextManager[FingerprintPad]
    fingers: Sequence[str]
    policy: FingerprintPolicy
    name: str = "fingerprints"

    def perform(self, context: Context) -> Outcome:
        """Take the fingers; no pad and an unplugged pad are errors, a bad or missing print is failed checks."""
        with self.pad as pad:
            return Outcome(capture_fingers(pad, self.fingers, self.policy, context.guide, cancelled=context.cancelled))
