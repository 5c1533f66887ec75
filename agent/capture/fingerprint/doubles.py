"""Whether a finger was taken before under another name: the fingers of one person, compared with each other.

Three answers, since the comparison errs: clearly the same finger fails, clearly another one passes, and between the two
it is "not assessed". A bad print is not compared. The error figures are in `matching/likeness.py`: they come from
synthetic fingers, so that among people it may miss more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.matching import DIFFERENT_BELOW, SAME_FROM, RidgeMap, likeness
from agent.capture.fingerprint.names import FINGERS
from agent.devices.seams import Pixels

DOUBLE = "kiosk_not_taken_before"
UNIT = "likeness 0..1"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The check (a gate only when it passed or failed), and the earlier name of the finger if it was taken before."""

    check: Check
    same_as: str = ""


@dataclass(slots=True)
class Doubles:
    """The fingers of one person so far. `gate` says whether the same finger twice fails the stage."""

    gate: bool = True
    _prints: dict[str, RidgeMap] = field(default_factory=dict, repr=False)

    def add(self, finger: str, pixels: Pixels) -> None:
        """Remember a good print (500 x 500 ppi) of a finger of `FINGERS`."""
        self._prints[finger] = RidgeMap.of(pixels)

    def compare(self, pixels: Pixels, *, measured: bool) -> Comparison:
        """Compare a print (500 x 500 ppi) with all that were added; `measured` is False for one that was refused."""
        if not measured:
            return _not_assessed("the print is too poor to be compared")
        if not self._prints:
            return _not_assessed("no finger before it to compare with")
        this = RidgeMap.of(pixels)
        alike = {finger: likeness(before, this) for finger, before in self._prints.items()}
        nearest = max(alike, key=lambda finger: alike[finger])
        most = alike[nearest]
        if most < DIFFERENT_BELOW:
            return Comparison(Check(DOUBLE, Verdict.PASSED, "", most, UNIT, gate=self.gate))
        if most < SAME_FROM:
            return _not_assessed(f"neither clearly another finger than the {FINGERS[nearest].en} nor clearly it", most)
        reason = f"the same finger as the {FINGERS[nearest].en}"
        return Comparison(Check(DOUBLE, Verdict.FAILED, reason, most, UNIT, gate=self.gate), nearest)


def _not_assessed(reason: str, native: float | None = None) -> Comparison:
    unit = "" if native is None else UNIT
    return Comparison(Check(DOUBLE, Verdict.NOT_ASSESSED, reason, native, unit, gate=False))
