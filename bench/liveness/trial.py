"""One presentation from beginning to end: the product's own session and decision on rendered frames."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from firmware_mocks.head import Camera, Renderer

from agent.capture.evidence import Check, Verdict
from agent.capture.liveness.challenge import HOLD_S, Turn
from agent.capture.liveness.decision import FLASH, decide
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.liveness.sampling import glimpse
from agent.capture.liveness.session import Session, Step
from agent.capture.portrait.face import FaceFinder
from agent.devices.seams import Pixels
from bench.liveness.people import Asked, Room
from bench.liveness.species import SPECIES, Stage

CAMERA = Camera(640, 360)
# The renders act within 1.6 s, so nobody waits the six that people get.
POLICY = LivenessPolicy(turn_within_s=2.0, face_within_s=2.0)
# The screen takes this long to begin.
SCREEN_MS = 60


@dataclass(frozen=True, slots=True)
class Trial:
    """How one presentation ended. `response` is accepted, rejected or no response; `took_ms` is until the last frame.

    The checks are those of the decision on whatever was there, also where the challenge was not finished.
    """

    species: str
    seed: int
    response: str
    took_ms: int
    frames: int
    decision_ms: float
    vision_ms: float
    checks: tuple[Check, ...] = field(repr=False)
    strip: tuple[Pixels, ...] = field(default=(), repr=False)

    def native(self, name: str) -> float | None:
        """Return a check's native value."""
        return next((check.native for check in self.checks if check.name == name), None)


def run(species: str, seed: int, finder: FaceFinder, *, flash: bool = True, strips: bool = False) -> Trial:
    """Make one presentation; everything follows from species and seed."""
    dice = np.random.default_rng([seed, zlib.crc32(species.encode())])
    room = Room.drawn(dice)
    show = SPECIES[species](Stage(Renderer(CAMERA), room, dice))
    session = Session(dice.bytes(16), POLICY, {} if flash else {FLASH: "no screen"})
    turns: list[tuple[Turn, int]] = []
    shown_ms: int | None = None
    strip: list[Pixels] = []
    at_ms, number, looked = 0.0, 0, 0.0
    while session.step not in {Step.DONE, Step.NO_RESPONSE}:
        at_ms += 1000 / room.fps
        number += 1
        if dice.random() < room.lost:
            continue
        picture = show(Asked(tuple(turns), session.challenge.colours, shown_ms), at_ms - room.lag_ms)
        pixels = picture.exposed(seed * 1000 + number)
        started = time.thread_time()
        session.see(glimpse(finder, pixels), number, round(at_ms))
        looked += time.thread_time() - started
        if session.step is Step.FLASH and shown_ms is None:
            shown_ms = round(at_ms) + SCREEN_MS
            session.flashed(
                [shown_ms + round(index * HOLD_S * 1000) for index in range(len(session.challenge.colours) + 2)]
            )
        if session.asked is not None and len(turns) < len(session.series().turns):
            turns.append((session.asked, round(at_ms)))
        if strips and number % 6 == 1:
            strip.append(pixels)
    return _judged(species, seed, session, (round(at_ms), number), looked, strip)


def _judged(
    species: str, seed: int, session: Session, ended: tuple[int, int], looked: float, strip: Sequence[Pixels]
) -> Trial:
    started = time.thread_time()
    checks = decide(session.series())
    took = (time.thread_time() - started) * 1000
    failed = any(check.gate and check.verdict is not Verdict.PASSED for check in checks)
    response = "no response" if session.step is Step.NO_RESPONSE else "rejected" if failed else "accepted"
    vision_ms = looked * 1000 / max(ended[1], 1)
    return Trial(species, seed, response, ended[0], ended[1], took, vision_ms, checks, tuple(strip))
