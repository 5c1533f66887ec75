"""Challenging a living person: camera, screen and guidance around a session; several tries, each with a new seed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from types import MappingProxyType

from agent.capture.evidence import Check, Evidence, Guidance, Guide, Part, Verdict
from agent.capture.liveness.challenge import HOLD_S, LIGHT, SEED_BYTES
from agent.capture.liveness.decision import FLASH, RULE, decide
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.liveness.prompts import AGAIN, prompt
from agent.capture.liveness.screen import Screen
from agent.capture.liveness.series import Series, decode, encode
from agent.capture.liveness.session import Session, Step
from agent.capture.portrait.locking import series_lock
from agent.capture.portrait.vision import VisionWorker
from agent.devices.errors import Cancelled, DeviceError
from agent.devices.seams import Frame, FrameSource

STAGE = "liveness"
SERIES = "liveness/series"
RESPONSE = "liveness_response"
# More frames than this would only make the evidence larger.
BETWEEN_FRAMES_S = 0.055
FRAME_WITHIN_S, CAMERA_WITHIN_S, RETRY_S = 1.0, 10.0, 0.05
NOT_SHOWN = "the screen did not tell when it showed the colours"

Seeds = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One challenge that is over. `no_response` is the time-out's reason; empty when there was an answer."""

    series: Series
    checks: tuple[Check, ...]
    no_response: str
    pictures: Mapping[str, bytes] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Every gate held."""
        return not self.no_response and all(c.verdict is Verdict.PASSED for c in self.checks if c.gate)


def capture_liveness(
    source: FrameSource,
    vision: VisionWorker,
    policy: LivenessPolicy,
    guide: Guide,
    screen: Screen,
    seeds: Seeds,
    *,
    cancelled: Event,
    skipped: Mapping[str, str] = MappingProxyType({}),
) -> Evidence:
    """Challenge until a try passes or the policy's tries are used up; return the last one's evidence.

    `seeds` gives random bytes. `skipped` names cues that are left out and why (FLASH, HEAD_TURN). The part
    liveness/series holds all tries for `verify_series`; the pictures are the last one's.
    Raises NoCamera, CameraFrozen or another DeviceError when the camera gives nothing, VisionFailed, FrameNotTaken,
    Cancelled.
    """
    attempts: list[Attempt] = []
    while len(attempts) < policy.tries and not (attempts and attempts[-1].passed):
        if attempts and not attempts[-1].no_response:
            guide(Guidance("liveness.again", AGAIN))
        session = Session(seeds(SEED_BYTES), policy, skipped)
        with series_lock(source) as lock:
            lock.hold(True)
            _Challenge(source, vision, guide, screen, session, policy, cancelled).run()
        attempts.append(_attempt(session))
    return _evidence(attempts)


@dataclass(slots=True)
class _Challenge:
    """One session at the camera."""

    source: FrameSource
    vision: VisionWorker
    guide: Guide
    screen: Screen
    session: Session
    policy: LivenessPolicy
    cancelled: Event
    began_s: float = field(default_factory=time.monotonic)
    ordered_s: float | None = None
    told: Guidance | None = None

    def run(self) -> None:
        """Go through the challenge; every step of it has a time-out of its own."""
        frame: Frame | None = None
        while self.session.step not in {Step.DONE, Step.NO_RESPONSE}:
            self._tell()
            frame = self._next(frame)
            glimpse = self.vision.glimpse(frame.pixels, time.monotonic() + CAMERA_WITHIN_S, self.cancelled)
            self.session.see(glimpse, frame.number, self._ms(frame.taken_s))
            if self.session.step is Step.FLASH:
                self._flash()
        self._tell()

    def _next(self, last: Frame | None) -> Frame:
        """Return the next frame that is late enough; bridges a camera that is being restarted."""
        until_s = time.monotonic() + CAMERA_WITHIN_S
        number = last.number if last is not None else 0
        while True:
            try:
                frame = self.source.newest(number, time.monotonic() + FRAME_WITHIN_S, self.cancelled)
            except Cancelled:
                raise
            except DeviceError:
                if time.monotonic() >= until_s:
                    raise
                self.cancelled.wait(RETRY_S)
                continue
            number = frame.number
            if frame.taken_s >= (self.began_s if last is None else last.taken_s + BETWEEN_FRAMES_S):
                return frame

    def _flash(self) -> None:
        """Order the flash, and take in when it was shown; a screen that does not tell in time is no screen."""
        colours = self.session.challenge.colours
        if self.ordered_s is None:
            self.ordered_s = time.monotonic()
            rgb = [(round(r * 255), round(g * 255), round(b * 255)) for r, g, b in (LIGHT[one] for one in colours)]
            self.screen.show(rgb, round(HOLD_S * 1000))
        shown = self.screen.shown_s()
        if shown is not None:
            self.session.flashed([self._ms(at) for at in shown])
        elif time.monotonic() > self.ordered_s + (len(colours) + 1) * HOLD_S + self.policy.screen_within_s:
            self.session.skip_flash(NOT_SHOWN)

    def _tell(self) -> None:
        now = prompt(self.session)
        if now != self.told:
            self.told = now
            self.guide(now)

    def _ms(self, at_s: float) -> int:
        return round((at_s - self.began_s) * 1000)


def _attempt(session: Session) -> Attempt:
    # Rounded as it is recorded: whoever decides again has the same numbers.
    series = decode(encode(session.series()))
    checks = list(decide(series))
    if session.step is Step.NO_RESPONSE:
        checks.append(Check(RESPONSE, Verdict.FAILED, session.reason))
    else:
        checks.append(Check(RESPONSE, Verdict.PASSED))
    return Attempt(series, tuple(checks), session.reason, dict(session.pictures))


def _evidence(attempts: list[Attempt]) -> Evidence:
    last = attempts[-1]
    told = [{"no_response": one.no_response, "passed": one.passed, "series": encode(one.series)} for one in attempts]
    parts = [Part(SERIES, "application/json", json.dumps(told, separators=(",", ":")).encode())]
    parts += [Part(f"liveness/{name}", "image/jpeg", data) for name, data in last.pictures.items() if data]
    facts = {
        "rule": RULE.version,
        "tries": str(len(attempts)),
        "no response": str(sum(bool(one.no_response) for one in attempts)),
        "flash": "left out" if FLASH in last.series.skipped else f"{last.series.colours_asked} colours",
        "head turns": str(last.series.turns_asked),
    }
    return Evidence(STAGE, last.checks, tuple(parts), facts)
