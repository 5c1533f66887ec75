"""Sessions on true landmarks: no picture is rendered and no network asked, so that many can be gone through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from firmware_mocks.head import Camera, Renderer, Subject

from agent.capture.liveness.challenge import HOLD_S, LIGHT, Colour, Turn
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.liveness.relief import lambert
from agent.capture.liveness.series import Floats, Glimpse
from agent.capture.liveness.session import Session, Step
from agent.capture.liveness.skin import SKIN

POSES = {Turn.LEFT: (25.0, 0.0), Turn.RIGHT: (-25.0, 0.0), Turn.UP: (0.0, 22.0)}
REACTION_MS, WAY_MS = 300, 400
SEED = bytes(range(16))
POLICY = LivenessPolicy(face_within_s=3, turn_within_s=3)


@cache
def _renderer() -> Renderer:
    return Renderer(Camera(640, 360))


@cache
def head(yaw: int, pitch: int) -> Floats:
    """Return the true landmarks of a head, 468 x 3; the depth in pixels, as the network gives it."""
    truth = _renderer().truth(Subject(yaw=float(yaw), pitch=float(pitch)))
    scale = truth.inter_eye_px / 63.0
    return np.column_stack([truth.points, (truth.depth_mm - truth.depth_mm.mean()) * scale]).astype(np.float64)


@cache
def _facing() -> Floats:
    """Return how much of the screen's light each place of the frontal head answers."""
    return lambert(head(0, 0), SKIN)


def flat(yaw: float, pitch: float) -> Floats:
    """Return the landmarks of a flat picture of the frontal head that is turned: a homography of it."""
    start = head(0, 0)
    middle = start[:, :2].mean(axis=0)
    x, y = (start[:, :2] - middle).T
    depth = 665.0 + np.sin(np.radians(yaw)) * x + np.sin(np.radians(pitch)) * y
    turned = np.column_stack([x * np.cos(np.radians(yaw)), y * np.cos(np.radians(pitch))]) * (665.0 / depth)[:, None]
    return np.column_stack([turned + middle, start[:, 2]])


Shape = Callable[[float, float], Floats]


def solid(yaw: float, pitch: float) -> Floats:
    """Return the landmarks of a head, to the degree."""
    return head(round(yaw), round(pitch))


@dataclass
class Doll:
    """Somebody, or a picture of somebody, who answers a session."""

    shape: Shape = solid
    relief: bool = True
    flash: float = 0.15
    late_ms: float = 0.0
    obeys: Mapping[Turn, Turn] = field(default_factory=lambda: {turn: turn for turn in Turn})
    dice: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    colours: tuple[Colour, ...] | None = None

    def glimpse(self, session: Session, number: int, at_ms: int, shown: tuple[int, ...], asked_ms: int) -> Glimpse:
        """Return what is seen at a time."""
        yaw = pitch = 0.0
        if session.asked is not None:
            goal = POSES[self.obeys[session.asked]]
            share = float(np.clip((at_ms - asked_ms - REACTION_MS) / WAY_MS, 0, 1))
            yaw, pitch = goal[0] * share, goal[1] * share
        mesh = self.shape(yaw, pitch)
        around = np.full((18, 32), 120.0) + self.dice.normal(0, 0.5, (18, 32))
        return Glimpse(1, mesh, self._skin(session, at_ms, shown), around, f"{number:016x}", b"\xff\xd8jpeg")

    def _skin(self, session: Session, at_ms: int, shown: tuple[int, ...]) -> Floats:
        light = np.zeros(3)
        if shown:
            index = int((at_ms - self.late_ms - shown[0]) // (HOLD_S * 1000)) - 1
            colours = self.colours or session.challenge.colours
            if 0 <= index < len(colours):
                light = np.array(LIGHT[colours[index]])
        answer = _facing() if self.relief else np.ones(len(SKIN))
        albedo = np.array([0.4, 0.25, 0.18])
        clean = albedo * (0.5 + self.flash * answer[:, None] * light)
        return np.asarray(np.clip(clean + self.dice.normal(0, 0.0008, clean.shape), 0, 1), np.float64)


def run(
    doll: Doll,
    seed: bytes = SEED,
    *,
    policy: LivenessPolicy = POLICY,
    skipped: Mapping[str, str] | None = None,
    gaps_ms: Callable[[int], int] = lambda _: 67,
    reports: bool = True,
) -> Session:
    """Take a doll through a session and return it when it is over."""
    session = Session(seed, policy, skipped or {})
    at_ms, number, asked_ms, turns = 0, 0, 0, 0
    shown: tuple[int, ...] = ()
    while session.step not in {Step.DONE, Step.NO_RESPONSE}:
        at_ms, number = at_ms + gaps_ms(number), number + 1
        session.see(doll.glimpse(session, number, at_ms, shown, asked_ms), number, at_ms)
        if session.step is Step.FLASH and not shown:
            count = len(session.challenge.colours) + 2
            shown = tuple(at_ms + 40 + round(index * HOLD_S * 1000) for index in range(count))
            if reports:
                session.flashed(shown)
            else:
                session.skip_flash("not told")
        if len(session.series().turns) > turns:
            turns, asked_ms = turns + 1, at_ms
    return session
