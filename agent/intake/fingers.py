"""The fingers of one visit: which are asked for, and what the operator says of those that cannot be taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from agent.capture.fingerprint import FINGERS, FingerException, FingerExceptions, Reason
from agent.intake.errors import FingerNotAsked
from agent.intake.policy import FingerReason, Policy
from agent.intake.showing import both

log = structlog.get_logger()

# Takes a picture of the hand, JPEG; may raise KioskError.
Photograph = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class VisitFingers:
    """`asked` are the policy's fingers, `photo_of` the reasons that need a photo. Any thread may declare."""

    asked: tuple[str, ...]
    photo_of: frozenset[Reason] = frozenset()
    exceptions: FingerExceptions = field(default_factory=FingerExceptions)

    @classmethod
    def of(cls, policy: Policy) -> VisitFingers:
        """Return those of a visit under this policy, with nothing declared."""
        return cls(policy.fingers, frozenset(Reason(code) for code in policy.fingerprint.photo_of))

    def declare(self, finger: str, code: FingerReason, photograph: Photograph, *, photo: bool = False) -> bool:
        """Except a finger, with a photo where the policy asks for one or `photo` does; return whether it has one.

        Without the photo nothing is declared. Raises FingerNotAsked, FingersSettled, or what `photograph` raises.
        """
        self._check(finger)
        reason = Reason(code)
        picture = photograph() if photo or reason in self.photo_of else None
        self.exceptions.declare(finger, FingerException(reason, picture))
        # Neither the finger nor the reason: both tell of the person.
        log.info("visit.finger_excepted", photo=picture is not None)
        return picture is not None

    def withdraw(self, finger: str) -> None:
        """Ask for this finger after all. Raises FingerNotAsked, FingersSettled."""
        self._check(finger)
        self.exceptions.withdraw(finger)
        log.info("visit.finger_exception_withdrawn")

    def told(self) -> dict[str, object]:
        """Return fingers and reasons for the screen, JSON-ready, Vietnamese first."""
        reasons = [
            {
                "code": str(reason),
                "words": both(reason.words),
                "permanent": reason.permanent,
                "photo": reason in self.photo_of,
            }
            for reason in Reason
        ]
        return {"fingers": [self._finger(finger) for finger in self.asked], "reasons": reasons}

    def _finger(self, finger: str) -> dict[str, object]:
        told: dict[str, object] = {"finger": finger, "words": both(FINGERS[finger]), "exception": None}
        if (known := self.exceptions.of(finger)) is not None:
            told["exception"] = {
                "code": str(known.reason),
                "words": both(known.reason.words),
                "photo": known.photo is not None,
            }
        return told

    def _check(self, finger: str) -> None:
        if finger not in self.asked:
            raise FingerNotAsked(f"one of {', '.join(self.asked)}")
