"""The fingerprint stage: the fingers that the policy asks for, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from types import MappingProxyType

from agent.capture.fingerprint import FINGERS, FingerExceptions, FingerprintPolicy, Judge, Packing, Reason, take_fingers
from agent.capture.fingerprint.judgement import CountMinutiae
from agent.capture.fingerprint.taken import Taken, evidence
from agent.devices.seams import FingerprintPad
from agent.intake.policy import FingerprintRules
from agent.intake.stages import Context, Outcome
from agent.words import KioskError

OpenMinutiae = Callable[[], AbstractContextManager[CountMinutiae | None]]


def fingerprint_policy(rules: FingerprintRules, finger_wait_s: float) -> FingerprintPolicy:
    """Return the signed rules as the capture takes them; `finger_wait_s` is for each finger, from the configuration."""
    return FingerprintPolicy(
        attempts=rules.attempts,
        finger_wait_s=finger_wait_s,
        thresholds=MappingProxyType(rules.thresholds.model_dump()),
        photo_of=frozenset(Reason(code) for code in rules.photo_of),
        refuse_doubles=rules.refuse_doubles,
        packing=Packing(rules.packing),
        data_block=rules.iso39794,
    )


@dataclass(frozen=True, slots=True)
class FingersTaken(Outcome):
    """What became of each finger, so that the evidence can be made again with what was declared since."""

    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True, slots=True)
class FingerprintStage:
    """Take the fingers. Pad and minutiae detector are opened when the stage needs them and closed after it."""

    pad: AbstractContextManager[FingerprintPad]
    fingers: Sequence[str]
    policy: FingerprintPolicy
    minutiae: OpenMinutiae = lambda: nullcontext(None)
    name: str = "fingerprints"

    def perform(self, context: Context) -> Outcome:
        """Take the fingers; no pad and an unplugged pad are errors, a bad or missing print is failed checks."""
        with self.pad as pad, self.minutiae() as count:
            taken = take_fingers(
                pad,
                self.fingers,
                self.policy,
                context.guide,
                cancelled=context.cancelled,
                exceptions=context.fingers,
                judge=Judge(self.policy, minutiae=count),
            )
        return self._outcome(taken, context.fingers)

    def settle(self, context: Context, outcome: Outcome | None, error: KioskError | None) -> Outcome:
        """Close the declarations and return the evidence with all of them; without `outcome` nothing was taken."""
        context.fingers.settle()
        if isinstance(outcome, FingersTaken):
            if all(one.exception == context.fingers.of(one.name) for one in outcome.taken):
                return outcome
            return self._outcome(outcome.taken, context.fingers)
        return self._outcome(tuple(Taken(finger, (), error) for finger in self.fingers), context.fingers)

    def _outcome(self, taken: tuple[Taken, ...], exceptions: FingerExceptions) -> FingersTaken:
        now = tuple(replace(one, exception=exceptions.of(one.name)) for one in taken)
        shown = {FINGERS[one.name].vi: one.exception.reason.words.vi for one in now if one.exception is not None}
        return FingersTaken(evidence(now, self.policy), shown, taken=now)
