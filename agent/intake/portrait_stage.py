"""The portrait stage: the camera's frames, judged until one passes or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.capture.portrait import PortraitPolicy, VisionWorker, capture_portrait
from agent.devices.seams import FrameSource
from agent.intake.stages import Context, Outcome


@dataclass(frozen=True, slots=True)
class PortraitStage:
    """Take the portrait. `wait_s` bounds the whole stage; then the best frame counts, with its failed gates.

    `vision` is asked for at each portrait, so that models installed later are found without a restart.
    """

    camera: FrameSource
    vision: Callable[[], VisionWorker]
    policy: PortraitPolicy
    wait_s: float
    name: str = "portrait"

    def perform(self, context: Context) -> Outcome:
        """Take the portrait; no face, no camera and missing models are errors, a bad picture is failed checks."""
        evidence = capture_portrait(
            self.camera,
            self.vision(),
            self.policy,
            context.guide,
            deadline=time.monotonic() + self.wait_s,
            cancelled=context.cancelled,
        )
        return Outcome(evidence)
