"""One touch of the reader: from the empty glass to the frame that is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from threading import Event

from agent.capture.evidence import Guidance
from agent.capture.fingerprint.advice import SOME_FINGER, Advice, advise, change
from agent.capture.fingerprint.attempt import Shot
from agent.capture.fingerprint.guidance import HOLD, LIFT, Coach, trouble
from agent.capture.fingerprint.policy import FingerprintPolicy
from agent.capture.fingerprint.quality import judge_preview
from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout, NoPad, PadFault, PadLost
from agent.devices.seams import FingerprintPad

# Nobody is faster than that: a finger that lies there sooner lay there before it was asked for.
SOONEST_S = 0.15
# Lifted sooner than that, the person need not be told.
LIFTED_WITHIN_S = 0.5
# How often a reader that is gone is looked for.
RETRY_S = 0.3
# How soon it is heard that the finger is excepted.
PIECE_S = 0.25

Wait = Callable[[float, Event], None]


class FingerExcepted(Exception):
    """The operator excepted the finger while it was being asked for."""


class Glass(Enum):
    """What is known of the glass before a finger is asked for."""

    UNKNOWN = auto()
    TOUCHED = auto()
    EMPTY = auto()


@dataclass(slots=True)
class Touching:
    """Takes touches of one finger after the other, each until `deadline` (time.monotonic()).

    `excepted` says whether the finger that is asked for need not come any more.
    """

    pad: FingerprintPad
    policy: FingerprintPolicy
    coach: Coach
    deadline: float
    cancelled: Event
    excepted: Callable[[], bool] = lambda: False
    glass: Glass = Glass.UNKNOWN

    def next(self, ask: Guidance) -> Shot:
        """Ask for the finger and return the frame of its touch that is kept.

        A reader that is unplugged or fails is waited for, and the person told. Raises what is wrong with it at the
        deadline, DeviceTimeout when just no finger came, Cancelled, FingerExcepted, or at once what does not go away
        by waiting.
        """
        self.coach.new_touch()
        told = ""
        while True:
            try:
                self._wait_for_new_finger(ask)
                self.glass = Glass.TOUCHED
                return self._keep()
            except (NoPad, PadLost, PadFault) as error:
                self.glass = Glass.UNKNOWN
                if error.code != told:
                    self.coach.guide(trouble(error))
                told = error.code
                self._before_retry(error)

    def _before_retry(self, error: DeviceError) -> None:
        if time.monotonic() >= self.deadline:
            raise error
        if self.excepted():
            raise FingerExcepted from error
        if self.cancelled.wait(RETRY_S):
            raise Cancelled from error

    def _wait_for_new_finger(self, ask: Guidance) -> None:
        """Return when a finger was laid down after it was asked for: what lay there before may be another one."""
        if self.glass is Glass.TOUCHED:
            self._wait_for_lift()
        self.coach.guide(ask)
        if self.glass is Glass.UNKNOWN and self._comes_within(SOONEST_S):
            self._wait_for_lift()
            self.coach.guide(ask)
        self._in_pieces(self.pad.wait_for_finger)

    def _comes_within(self, wait_s: float) -> bool:
        try:
            self.pad.wait_for_finger(min(self.deadline, time.monotonic() + wait_s), self.cancelled)
        except DeviceTimeout:
            return False
        return True

    def _wait_for_lift(self) -> None:
        try:
            self.pad.wait_for_lift(min(self.deadline, time.monotonic() + LIFTED_WITHIN_S), self.cancelled)
        except DeviceTimeout:
            self.coach.guide(LIFT)
            self._in_pieces(self.pad.wait_for_lift)
        self.glass = Glass.EMPTY

    def _in_pieces(self, wait: Wait) -> None:
        """Wait until the deadline, looking now and then whether the finger was excepted."""
        while True:
            if self.excepted():
                raise FingerExcepted
            try:
                return wait(min(self.deadline, time.monotonic() + PIECE_S), self.cancelled)
            except DeviceTimeout:
                if time.monotonic() >= self.deadline:
                    raise

    def _keep(self) -> Shot:
        """Return the best of the first frames that are good and still, else the best there was."""
        self.coach.guide(HOLD)
        best = before = self._look(None)
        good = int(before.advice is None)
        for _ in range(1, self.policy.frames_per_touch):
            if good >= self.policy.still_frames:
                break
            try:
                shot = self._look(before)
            except DeviceTimeout:
                break
            if _lifted(best, shot):
                break
            good = good + 1 if shot.advice is None else int(shot.advice is Advice.STILL)
            best, before = max(best, shot, key=lambda one: one.worth), shot
        return best

    def _look(self, before: Shot | None) -> Shot:
        image = self.pad.next_frame(self.deadline, self.cancelled)
        seen = judge_preview(image.pixels)
        advice = advise(image, seen, self.policy)
        moving = before is not None and before.advice in (None, Advice.STILL) and advice is None
        if moving and before and change(before.image, image, seen.contrast or 0.0) > self.policy.preview.moving:
            advice = Advice.STILL
        self.coach.frame(advice)
        return Shot(image, seen, advice)


def _lifted(best: Shot, now: Shot) -> bool:
    return best.seen.foreground >= SOME_FINGER > now.seen.foreground
