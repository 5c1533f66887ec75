"""The presentations: one function per species, from what was asked and the time to a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from firmware_mocks.head import Attack, Medium, Picture, Renderer, Subject, present
from numpy.typing import NDArray

from agent.capture.liveness.challenge import draw
from agent.capture.portrait.face import LEFT_EYE_RING, RIGHT_EYE_RING
from bench.liveness.people import Asked, Manner, Person, Room

Frame = Callable[[Asked, float], Picture]
A4, A3, PHONE, TABLET = (210.0, 297.0), (297.0, 420.0), (75.0, 155.0), (170.0, 240.0)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a presentation is made: the renderer, the room, and the dice of this presentation alone."""

    renderer: Renderer
    room: Room
    dice: np.random.Generator


def bona_fide(stage: Stage) -> Frame:
    """Return a living person who does as asked."""
    person = Person.drawn(stage.dice)
    return lambda asked, at_ms: stage.renderer.render(person.within(stage.room, asked, at_ms))


def covered(stage: Stage) -> Frame:
    """Return a living person with a hand passing over the lower face now and then."""
    show, phase = bona_fide(stage), stage.dice.uniform(0, 2000)

    def frame(asked: Asked, at_ms: float) -> Picture:
        picture = show(asked, at_ms)
        if (at_ms + phase) % 2600 < 350:
            x, y = picture.truth.points[[61, 291, 13]].mean(axis=0)
            wide = round(picture.truth.inter_eye_px * 0.55)
            cv2.ellipse(picture.pixels, (round(x), round(y)), (wide, wide), 0, 0, 360, (110, 130, 170), -1, cv2.LINE_AA)
        return picture

    return frame


def print_of(stage: Stage, radius_mm: tuple[float, float] | None) -> Frame:
    """Return a print that is turned as asked, further than a head, flat or bent round an upright axis."""
    person = Person.drawn(stage.dice)
    hold = Manner.drawn(stage.dice, side=(28, 42), way=(350, 900))
    radius = None if radius_mm is None else float(stage.dice.uniform(*radius_mm))
    size = A3 if radius is None and stage.dice.random() < 0.5 else A4
    shown = replace(person.subject, yaw=0.0, pitch=0.0, glasses=False)

    def frame(asked: Asked, at_ms: float) -> Picture:
        yaw, pitch = hold.pose(asked, at_ms)
        scene = _lit(stage.room, asked, at_ms)
        attack = Attack(shown, Medium.PRINT, yaw=yaw, pitch=pitch, radius_mm=radius, size_mm=size, scene=scene)
        return present(stage.renderer, replace(attack, offset_mm=_hand(at_ms, hold)))

    return frame


def eye_holes(stage: Stage) -> Frame:
    """Return a flat print with the attacker's own eyes behind holes in it."""
    paper, behind = print_of(stage, None), bona_fide(stage)

    def frame(asked: Asked, at_ms: float) -> Picture:
        picture, eyes = paper(asked, at_ms), behind(Asked(colours=asked.colours, shown_ms=asked.shown_ms), at_ms)
        for ring in (RIGHT_EYE_RING, LEFT_EYE_RING):
            _through(picture, eyes, ring)
        return picture

    return frame


def _through(picture: Picture, behind: Picture, ring: tuple[int, ...]) -> None:
    """Show through a hole what is behind it, brought to the hole's place."""
    hole, eye = (one.truth.points[list(ring)] for one in (picture, behind))
    mask = np.zeros(picture.pixels.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(hole).astype(np.int32)], (255,), cv2.LINE_8)
    shift = hole.mean(axis=0) - eye.mean(axis=0)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    size = (picture.pixels.shape[1], picture.pixels.shape[0])
    moved = cv2.warpAffine(behind.pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    picture.pixels[mask > 0] = moved[mask > 0]


def still_on_screen(stage: Stage) -> Frame:
    """Return one picture on a tablet: panned, zoomed and the tablet turned as asked."""
    person, hold = Person.drawn(stage.dice), Manner.drawn(stage.dice, side=(15, 35))
    shown = replace(person.subject, yaw=0.0, pitch=0.0)

    def frame(asked: Asked, at_ms: float) -> Picture:
        yaw, pitch = hold.pose(asked, at_ms)
        attack = _screen(stage, shown, asked, at_ms, TABLET)
        pan = (yaw * 0.7, -pitch * 0.7)
        zoom = 1 + 0.06 * float(np.sin(at_ms / 900))
        return present(stage.renderer, replace(attack, yaw=yaw, pitch=pitch, offset_mm=pan, scale=zoom))

    return frame


def replay(stage: Stage, size: tuple[float, float]) -> Frame:
    """Return a film of another session, with that session's turns and that session's answer to the flash."""
    person = Person.drawn(stage.dice)
    other = draw(stage.dice.bytes(16), 2, 5)
    lead = float(stage.dice.uniform(-300, 600))

    def frame(asked: Asked, at_ms: float) -> Picture:
        shown_ms = None if asked.shown_ms is None else round(asked.shown_ms + lead)
        began = asked.turns[0][1] + lead if asked.turns else at_ms + 1e6
        turns = [(turn, round(began + number * 1300)) for number, turn in enumerate(other.turns)]
        then = Asked(turns, other.colours, shown_ms)
        return present(stage.renderer, _screen(stage, person.at(then, at_ms, 0.2), asked, at_ms, size))

    return frame


def relay(stage: Stage) -> Frame:
    """Return a tablet that shows a living accomplice who does as asked, so much later as the link takes."""
    person, late = Person.drawn(stage.dice), float(stage.dice.uniform(133, 500))

    def frame(asked: Asked, at_ms: float) -> Picture:
        return present(stage.renderer, _screen(stage, person.at(asked, at_ms - late, 0.2), asked, at_ms, TABLET))

    return frame


def puppet(stage: Stage) -> Frame:
    """Return a tablet with one picture, warped in the plane as the landmarks of a turned head would move."""
    person, manner = Person.drawn(stage.dice), Manner.drawn(stage.dice)
    still = replace(person.subject, yaw=0.0, pitch=0.0, noise=0.0)
    puppets = _Puppet(stage.renderer, still)

    def frame(asked: Asked, at_ms: float) -> Picture:
        yaw, pitch = manner.pose(asked, at_ms)
        puppets.pose = (yaw, pitch)
        return present(puppets, _screen(stage, still, asked, at_ms, TABLET))

    return frame


class _Puppet(Renderer):
    """Renders one picture and moves its pixels smoothly: no new side of the face, no other light."""

    def __init__(self, renderer: Renderer, still: Subject) -> None:
        super().__init__(renderer.camera)
        self._truths, self._picture = renderer, renderer.render(still)
        self.pose = (0.0, 0.0)

    def render(self, subject: Subject) -> Picture:
        """Return the warped picture."""
        yaw, pitch = self.pose
        moved = self._truths.truth(replace(subject, yaw=yaw, pitch=pitch))
        field = _spread(self._picture.truth.points, moved.points, self._picture.pixels.shape[:2])
        pixels = cv2.remap(
            self._picture.pixels, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return Picture(np.asarray(pixels, np.uint8), moved, 0.0, 92)


def _spread(start: NDArray[np.float32], end: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return where each pixel comes from: the landmarks' shifts, spread over a coarse grid by nearness."""
    height, width = shape
    step = 8
    y, x = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
    away = (x[..., None] - end[::3, 0]) ** 2 + (y[..., None] - end[::3, 1]) ** 2
    weight = 1 / (away + 30) ** 1.5
    far = 1 / (160.0**2) ** 1.5 * 6
    shift = np.einsum("hwn,nc->hwc", weight, (start - end)[::3]) / (weight.sum(axis=2) + far)[..., None]
    fine = cv2.resize(shift.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(np.stack([columns + fine[..., 0], rows + fine[..., 1]], axis=-1), np.float32)


def _lit(room: Room, asked: Asked, at_ms: float) -> Subject:
    red, green, blue = asked.light(at_ms)
    return replace(room.scene, flash=(red * room.flash, green * room.flash, blue * room.flash))


def _hand(at_ms: float, hold: Manner) -> tuple[float, float]:
    return (3 * float(np.sin(at_ms / 400 + hold.phase)), 2 * float(np.cos(at_ms / 500)))


def _screen(stage: Stage, shown: Subject, asked: Asked, at_ms: float, size: tuple[float, float]) -> Attack:
    """Return a phone or tablet with gamma, moiré, banding and glare of this presentation."""
    fixed = np.random.default_rng(round(stage.room.scene.exposure * 1e9))
    share = fixed.uniform(0, 1, 5)
    return Attack(
        shown, Medium.SCREEN, size_mm=size, scene=_lit(stage.room, asked, at_ms), gamma=float(0.85 + 0.4 * share[0]),
        brightness=float(0.6 + 0.5 * share[1]), moire=float(0.4 * share[2]), banding=float(0.3 * share[3]),
        phase=at_ms / 370, glare=float(max(0.0, share[4] - 0.5)), scale=0.45 if size is PHONE else 1.0,
    )  # fmt: skip


SPECIES: dict[str, Callable[[Stage], Frame]] = {
    "bona fide": bona_fide,
    "flat print": lambda stage: print_of(stage, None),
    "bent print, R 150-250 mm": lambda stage: print_of(stage, (150, 250)),
    "still on a tablet, pan and zoom": still_on_screen,
    "replay on a phone, another session": lambda stage: replay(stage, PHONE),
    "replay on a tablet, another session": lambda stage: replay(stage, TABLET),
    "relay on a tablet, right but late": relay,
    "bent print, R 100-120 mm": lambda stage: print_of(stage, (100, 120)),
    "bent print, R 70-90 mm": lambda stage: print_of(stage, (70, 90)),
    "flat print with eye holes": eye_holes,
    "puppet on a tablet": puppet,
    "bona fide, hand over the mouth": covered,
}
