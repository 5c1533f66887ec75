"""Taking the fingers: one after the other, a few attempts each, the best kept, every attempt told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from agent.capture.evidence import Guidance, Guide
from agent.capture.fingerprint import guidance
from agent.capture.fingerprint.attempt import Attempt, Shot
from agent.capture.fingerprint.doubles import Doubles
from agent.capture.fingerprint.exceptions import FingerExceptions
from agent.capture.fingerprint.judgement import Judge
from agent.capture.fingerprint.policy import FingerprintPolicy
from agent.capture.fingerprint.taken import Taken
from agent.capture.fingerprint.touch import FingerExcepted, Touching
from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout
from agent.devices.seams import FingerprintPad


def take_fingers(
    pad: FingerprintPad,
    fingers: Sequence[str],
    policy: FingerprintPolicy,
    guide: Guide,
    *,
    cancelled: Event,
    exceptions: FingerExceptions | None = None,
    judge: Judge | None = None,
) -> tuple[Taken, ...]:
    """Take these fingers (names of `FINGERS`), in this order, and return what became of each.

    As long as there is at least one picture to keep or the reader worked, its trouble belongs to the finger. Otherwise
    it is raised: NoPad, PadBusy, PadNotPermitted, PadLost, PadFault, .... Raises Cancelled. Each finger has
    `policy.finger_wait_s` seconds for all its attempts.
    """
    touching = Touching(pad, policy, guidance.Coach(guide), 0.0, cancelled)
    doubles = Doubles(gate=policy.refuse_doubles)
    session = _Session(touching, exceptions or FingerExceptions(), judge or Judge(policy), doubles)
    taken = tuple(session.take(finger, number, len(fingers)) for number, finger in enumerate(fingers))
    if fingers and not any(one.attempts or one.exception for one in taken):
        _raise_trouble(taken)
    if any(one.attempts for one in taken):
        guide(guidance.LIFT)
    return taken


@dataclass(slots=True)
class _Session:
    """One person at the reader."""

    touching: Touching
    exceptions: FingerExceptions
    judge: Judge
    doubles: Doubles

    def take(self, finger: str, done: int, total: int) -> Taken:
        """Take one finger, or say why not; one that is excepted already is not asked for."""
        if (known := self.exceptions.of(finger)) is not None:
            return Taken(finger, (), None, known)
        attempts: list[Attempt] = []
        error: DeviceError | None = None
        try:
            self._attempt(attempts, finger, guidance.place(finger, done, total))
        except Cancelled:
            raise
        except FingerExcepted:
            error = None
        except DeviceError as caught:
            error = caught
        one = Taken(finger, tuple(attempts), error, self.exceptions.of(finger))
        if one.best is not None and not one.best[1].judgement.assessment.refused:
            self.doubles.add(finger, one.best[1].judgement.pixels)
        return one

    def _attempt(self, attempts: list[Attempt], finger: str, ask: Guidance) -> None:
        """Append attempts until one is good or there are enough; raises FingerExcepted or DeviceError."""
        touching, policy = self.touching, self.judge.policy
        touching.coach = coach = guidance.Coach(touching.coach.guide)
        touching.deadline = time.monotonic() + policy.finger_wait_s
        touching.excepted = lambda: self.exceptions.of(finger) is not None
        while len(attempts) < policy.attempts:
            attempt, same = self._judged(touching.next(ask), finger)
            attempts.append(attempt)
            if attempt.good:
                return
            if same:
                coach.guide(guidance.same_finger(finger, same))
            else:
                coach.say(attempt.advice)

    def _judged(self, shot: Shot, finger: str) -> tuple[Attempt, str]:
        """Judge a picture and compare it with the fingers before; also name the finger that it is, if it is one."""
        image, least = shot.image, self.judge.policy.threshold(finger)
        judgement = self.judge.judge(image.pixels, image.x_ppi, image.y_ppi, least, self.touching.cancelled)
        found = self.doubles.compare(judgement.pixels, measured=not judgement.assessment.refused)
        return Attempt(shot, judgement, found.check), found.same_as


def _raise_trouble(taken: Sequence[Taken]) -> None:
    """Raise what kept the reader from working, if that was it and not the fingers."""
    for one in taken:
        if one.error is not None and not isinstance(one.error, DeviceTimeout):
            raise one.error
