"""A contact sheet: poses, expressions, lights, cameras, people and attacks in rows."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.attacks import Attack, Medium, present
from firmware_mocks.head.renderer import Picture, Renderer
from firmware_mocks.head.subject import Hair, Skin, Subject, Wall

Pixels = NDArray[np.uint8]

TILE = (240, 200)
_GREEN = (0.0, 0.5, 0.0)
_POSES = (-35, -20, -10, 0, 10, 20, 35)
_ROWS: tuple[tuple[str, tuple[Subject | Attack, ...]], ...] = (
    ("yaw -35 .. 35", tuple(Subject(yaw=yaw) for yaw in _POSES)),
    (
        "pitch -20 .. 20, roll, distance",
        (*(Subject(pitch=pitch) for pitch in (-20, -10, 10, 20)), Subject(roll=20), Subject(distance_mm=1200),
         Subject(distance_mm=500)),
    ),
    (
        "mouth, eyes, glasses",
        (Subject(mouth=0.5), Subject(mouth=1.0), Subject(mouth=1.5), Subject(eyes_closed=0.5), Subject(eyes_closed=1.0),
         Subject(glasses=True), Subject(glasses=True, glare=0.7)),
    ),
    (
        "light: exposure, lamp, cast, flash",
        (Subject(exposure=0.15), Subject(exposure=2.0), Subject(light_from=(70, 10), light_strength=0.8),
         Subject(light_from=(-70, 10), light_strength=0.8), Subject(light_from=(0, 80), light_strength=0.7),
         Subject(cast=(0.7, 0.9, 1.5)), Subject(flash=_GREEN)),
    ),
    (
        "camera and background: blur, motion, noise, JPEG; texture, poster, second person",
        (Subject(blur_px=3), Subject(motion_px=15), Subject(noise=15), Subject(jpeg=8), Subject(wall=Wall.TEXTURE),
         Subject(wall=Wall.POSTER), Subject(wall=Wall.SECOND_PERSON)),
    ),
    (
        "skin and hair tones",
        (*(Subject(skin=skin, hair=Hair.BLACK) for skin in Skin), *(Subject(hair=hair) for hair in
         (Hair.DARK, Hair.BLACK, Hair.GREY))),
    ),
    ("identities 1 .. 7", tuple(Subject(identity=seed) for seed in range(1, 8))),
    (
        "attacks: print flat, turned, bent 150 and 100 mm; screen, turned, under the flash",
        (Attack(Subject()), Attack(Subject(), yaw=25), Attack(Subject(), yaw=25, radius_mm=150),
         Attack(Subject(), yaw=25, radius_mm=100), Attack(Subject(), Medium.SCREEN, moire=0.5, banding=0.5, glare=0.4),
         Attack(Subject(yaw=20), Medium.SCREEN, yaw=20), Attack(Subject(), Medium.SCREEN, scene=Subject(flash=_GREEN))),
    ),
)  # fmt: skip


def contact_sheet(renderer: Renderer) -> Pixels:
    """Return the sheet as BGR; takes some seconds."""
    return np.concatenate([part for title, row in _ROWS for part in (_title(title), _row(renderer, row))])


def _row(renderer: Renderer, row: Iterable[Subject | Attack]) -> Pixels:
    return np.concatenate([_tile(_rendered(renderer, one)) for one in row], axis=1)


def _rendered(renderer: Renderer, one: Subject | Attack) -> Picture:
    return renderer.render(one) if isinstance(one, Subject) else present(renderer, one)


def _tile(picture: Picture) -> Pixels:
    """Decode what would be sent, and cut out the middle."""
    sent = np.frombuffer(picture.jpeg(), np.uint8)
    pixels = np.asarray(cv2.imdecode(sent, cv2.IMREAD_COLOR), np.uint8)
    height, width = pixels.shape[:2]
    across = min(width, round(height * TILE[0] / TILE[1]))
    left = min(width - across, round(width * 0.56 - across / 2))
    return np.asarray(cv2.resize(pixels[:, left : left + across], TILE, interpolation=cv2.INTER_AREA), np.uint8)


def _title(text: str) -> Pixels:
    strip = np.full((22, TILE[0] * len(_POSES), 3), 255, np.uint8)
    cv2.putText(strip, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
