"""One attempt: the kept frame of a touch and everything that is said about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.advice import Advice
from agent.capture.fingerprint.judgement import Judgement
from agent.capture.fingerprint.quality import Preview
from agent.capture.fingerprint.quality.gates import CONTRAST, FOREGROUND, RIDGES, SMEAR
from agent.devices.seams import FingerImage

# Half a finger with clear ridges is worth more than a whole one without.
GRAVITY = {CONTRAST: 8, RIDGES: 4, SMEAR: 2, FOREGROUND: 1}
# The same finger twice is worse than all of them together.
_DOUBLED = 16
# What a failed gate asks of the person; the graver first.
_ADVICE = {CONTRAST: Advice.HARDER, RIDGES: Advice.WIPE, SMEAR: Advice.STILL, FOREGROUND: Advice.FLAT}


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame of a touch: what the preview saw, and what was wrong with it, if anything."""

    image: FingerImage = field(repr=False)
    seen: Preview
    advice: Advice | None

    @property
    def worth(self) -> tuple[bool, float]:
        """Good ones first, then more finger with clearer ridges."""
        return self.advice is None, self.seen.foreground * (self.seen.coherence or 0.0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The kept frame of one touch, judged. `double` is its comparison with the person's fingers before."""

    shot: Shot
    judgement: Judgement
    double: Check

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything that is said about it."""
        return (*self.judgement.checks, self.double)

    @property
    def good(self) -> bool:
        """Whether no gate failed."""
        return not self._failed()

    @property
    def rank(self) -> tuple[int, float, float]:
        """Fewer and lighter gates that did not pass first, then the deciding score, then more finger."""
        weight = sum(GRAVITY.get(c.name, 0) for c in self.judgement.checks if c.verdict is not Verdict.PASSED)
        weight += _DOUBLED * (self.double.verdict is Verdict.FAILED)
        score = self.judgement.threshold.native
        return -weight, -1.0 if score is None else score, self.shot.seen.foreground

    @property
    def advice(self) -> Advice:
        """What the person should do better."""
        if self.shot.advice is not None:
            return self.shot.advice
        failed = self._failed()
        return next((advice for name, advice in _ADVICE.items() if name in failed), Advice.AGAIN)

    def named(self, prefix: str, *, gate: bool) -> list[Check]:
        """Return the checks under names of their own; without `gate` none decides."""
        return [replace(one, name=f"{prefix}_{one.name}", gate=one.gate and gate) for one in self.checks]

    def _failed(self) -> set[str]:
        return {check.name for check in self.checks if check.gate and check.verdict is Verdict.FAILED}
