"""How a living person looks and answers, drawn from a seed: who, which room, how fast, how far, how steady."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from firmware_mocks.head import Hair, Skin, Subject

from agent.capture.liveness.challenge import HOLD_S, LIGHT, Colour, Turn

IDENTITIES = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What the kiosk asked for and shows: each turn with its time, and the flash's start, ms."""

    turns: Sequence[tuple[Turn, int]] = ()
    colours: Sequence[Colour] = ()
    shown_ms: int | None = None

    def light(self, at_ms: float) -> tuple[float, float, float]:
        """Return the screen's light at a time; dark before, between and after."""
        if self.shown_ms is None:
            return (0.0, 0.0, 0.0)
        index = int((at_ms - self.shown_ms) // (HOLD_S * 1000)) - 1
        return LIGHT[self.colours[index]] if 0 <= index < len(self.colours) else (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody turns: reaction and way in ms, how far in degrees to the sides and up, and the tremor."""

    reaction_ms: float
    way_ms: float
    side_deg: float
    up_deg: float
    tremor_deg: float
    phase: float

    @classmethod
    def drawn(
        cls, dice: np.random.Generator, side: tuple[float, float] = (23, 34), way: tuple[float, float] = (350, 800)
    ) -> Manner:
        """Draw one."""
        up = dice.uniform(18, 27)
        return cls(
            dice.uniform(200, 600),
            dice.uniform(*way),
            dice.uniform(*side),
            up,
            dice.uniform(0.1, 0.8),
            dice.uniform(0, 7),
        )

    def pose(self, asked: Asked, at_ms: float) -> tuple[float, float]:
        """Return yaw and pitch in degrees at a time."""
        yaw = pitch = 0.0
        for turn, when in asked.turns:
            share = float(np.clip((at_ms - when - self.reaction_ms) / self.way_ms, 0, 1))
            share = share * share * (3 - 2 * share)
            to_yaw = {Turn.LEFT: self.side_deg, Turn.RIGHT: -self.side_deg, Turn.UP: 0.0}[turn]
            to_pitch = self.up_deg if turn is Turn.UP else 0.0
            yaw, pitch = yaw + (to_yaw - yaw) * share, pitch + (to_pitch - pitch) * share
        shake = self.tremor_deg * np.sin(at_ms / 90 + self.phase)
        return yaw + float(shake), pitch + float(self.tremor_deg * np.cos(at_ms / 130 + self.phase))


@dataclass(frozen=True, slots=True)
class Room:
    """The light of a room, the screen's share of it, and the camera: noise, frames a second, lag, frames lost."""

    scene: Subject
    flash: float
    fps: float
    lag_ms: float
    lost: float

    @classmethod
    def drawn(cls, dice: np.random.Generator) -> Room:
        """Draw one: dim to bright, some with a lamp from the side."""
        side = float(dice.uniform(0, 0.35)) if dice.random() < 0.4 else 0.0
        scene = Subject(
            exposure=float(dice.uniform(0.35, 1.25)), noise=float(dice.uniform(1.0, 5.0)), light_strength=side,
            light_from=(float(dice.uniform(-60, 60)), float(dice.uniform(10, 60))), jpeg=92,
        )  # fmt: skip
        slow = dice.random() < 0.2
        return cls(
            scene, float(dice.uniform(0.06, 0.25)), 10.0 if slow else 15.0, float(dice.uniform(15, 85)),
            0.08 if dice.random() < 0.25 else 0.0,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody before the camera."""

    subject: Subject
    manner: Manner

    @classmethod
    def drawn(cls, dice: np.random.Generator) -> Person:
        """Draw one: all come from one photograph, with other shapes, tones, hair and glasses."""
        skin, hair = (int(dice.integers(0, len(kind))) for kind in (Skin, Hair))
        subject = Subject(
            identity=int(dice.integers(0, IDENTITIES)), skin=tuple(Skin)[skin], hair=tuple(Hair)[hair],
            glasses=bool(dice.random() < 0.25), distance_mm=float(dice.uniform(600, 780)),
            offset_mm=(float(dice.uniform(-25, 25)), float(dice.uniform(-20, 20))), yaw=float(dice.uniform(-4, 4)),
            pitch=float(dice.uniform(-4, 4)), roll=float(dice.uniform(-4, 4)),
        )  # fmt: skip
        return cls(subject, Manner.drawn(dice))

    def at(self, asked: Asked, at_ms: float, flash: float) -> Subject:
        """Return the person at a time, without the room."""
        yaw, pitch = self.manner.pose(asked, at_ms)
        own = self.subject
        sway = 1.5 * np.sin(at_ms / 700 + self.manner.phase)
        red, green, blue = asked.light(at_ms)
        return replace(
            own, yaw=own.yaw + yaw, pitch=own.pitch + pitch, offset_mm=(own.offset_mm[0] + sway, own.offset_mm[1]),
            flash=(red * flash, green * flash, blue * flash),
        )  # fmt: skip

    def within(self, room: Room, asked: Asked, at_ms: float) -> Subject:
        """Return the person in a room."""
        scene = room.scene
        return replace(
            self.at(asked, at_ms, room.flash), exposure=scene.exposure, noise=scene.noise,
            light_strength=scene.light_strength, light_from=scene.light_from,
        )  # fmt: skip
