"""The portrait stage: the camera's frames, judged until one passes or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.capture.evidence import Evidence
from agent.capture.portrait import NoTriesLeft, VisionWorker, capture_portrait
from agent.devices.errors import Cancelled
from agent.devices.seams import FrameSource
from agent.intake.stages import Context, Outcome
from agent.words import KioskError


@dataclass(frozen=True, slots=True)
class PortraitStage:
    """Take the portrait. `wait_s` bounds each try; then the best frame counts, with its failed gates.

    `vision` is asked for at each portrait, so that models installed later are found without a restart. What it is
    judged by, what people ordered and the tries so far are the visit's (`Context.portrait`).
    """

    camera: FrameSource
    vision: Callable[[], VisionWorker]
    wait_s: float
    name: str = "portrait"

    def perform(self, context: Context) -> Outcome:
        """Take one more try and return the best so far.

        No face, no camera and missing models are errors, a bad picture is failed checks. When a try before brought a
        picture, an error does not lose it: it comes with the outcome. So does NoTriesLeft.
        """
        orders = context.portrait
        if orders.tries.left <= 0:
            return Outcome(orders.tries.evidence(), problem=NoTriesLeft())
        try:
            evidence = self._capture(context)
        except Cancelled:
            raise
        except KioskError as error:
            if not orders.tries.any:
                raise
            return Outcome(orders.tries.evidence(), problem=error)
        return Outcome(orders.add(evidence))

    def _capture(self, context: Context) -> Evidence:
        orders = context.portrait
        return capture_portrait(
            self.camera,
            self.vision(),
            orders.policy(),
            context.guide,
            deadline=time.monotonic() + self.wait_s,
            cancelled=context.cancelled,
            by_hand=orders.by_hand,
            policy_now=orders.policy,
        )
