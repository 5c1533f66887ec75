"""Who stands in front of the camera: a person cut out of a public-domain photograph, before a plain wall."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Pixels = NDArray[np.uint8]

SUBJECTS = (
    "passing",
    "none",
    "two-faces",
    "dark",
    "bright",
    "side-lit",
    "blurred",
    "tilted",
    "off-centre",
    "far",
    "near",
)
EYE_DISTANCE_PX = 132
# In the photograph (NASA's portrait of Eileen Collins, 512 x 512): eye distance, midpoint of the eyes, roll.
SOURCE_EYE_DISTANCE = 43.1
SOURCE_EYES = (225.2, 103.4)
SOURCE_ROLL_DEG = 3.0
WALL = np.array([196, 194, 190], np.float32)


@dataclass(frozen=True, slots=True)
class Look:
    """How a subject varies: mirrored or not, size, place (pixels), skin and wall tone, roll (degrees, to the right)."""

    mirrored: bool
    scale: float
    shift: tuple[float, float]
    gain: NDArray[np.float32]
    wall: NDArray[np.float32]
    roll: float = 0.0

    @classmethod
    def of(cls, seed: int) -> Look:
        """Return the look of a seed; small enough that every seed is still a good portrait."""
        dice = np.random.default_rng(seed)
        gain = 1 + dice.uniform(-0.04, 0.04) + dice.uniform(-0.015, 0.015, 3)
        return cls(
            bool(seed % 2 == 0),
            float(dice.uniform(0.95, 1.08)),
            (float(dice.uniform(-25, 25)), float(dice.uniform(-12, 12))),
            gain.astype(np.float32),
            (WALL + dice.uniform(-12, 12)).astype(np.float32),
        )


def render(subject: str, seed: int, width: int, height: int) -> Pixels:
    """Return one clean BGR picture; `subject` is one of SUBJECTS or a picture file. Raises ValueError."""
    if subject not in SUBJECTS:
        return _from_file(Path(subject), width, height)
    look = Look.of(seed)
    wall = np.broadcast_to(look.wall, (height, width, 3)).copy()
    if subject == "none":
        return _to_pixels(wall)
    # Everything is laid out for 1280 x 720 and scales with the height.
    look = replace(look, scale=look.scale * height / 720, shift=(look.shift[0] * height / 720, look.shift[1]))
    if subject == "two-faces":
        first = _person(wall, look, (width * 0.3, height * 0.45))
        return _to_pixels(_person(first, replace(look, mirrored=not look.mirrored), (width * 0.72, height * 0.45)))
    return _to_pixels(_lit(subject, _person(wall, *_placed(subject, look, width, height))))


def _placed(subject: str, look: Look, width: int, height: int) -> tuple[Look, tuple[float, float]]:
    """Say how the one person stands, and where the eyes' midpoint is."""
    middle = (width / 2, height * 0.45)
    match subject:
        case "tilted":
            return replace(look, roll=20.0), middle
        case "off-centre":
            return look, (width * 0.08, middle[1])
        case "far":
            return replace(look, scale=look.scale * 0.5), middle
        case "near":
            return replace(look, scale=look.scale * 1.9), middle
    return look, middle


def _lit(subject: str, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Change light or focus of the whole picture."""
    match subject:
        case "dark":
            return np.asarray(picture * 0.06, np.float32)
        case "bright":
            return np.asarray(picture * 1.9, np.float32)
        case "side-lit":
            # Dark on the left, full light on the right, over the width of a face in the middle.
            across = (np.arange(picture.shape[1], dtype=np.float32) / picture.shape[1] - 0.5) / 0.04
            return np.asarray(picture * (0.2 + 0.8 / (1 + np.exp(-across)))[None, :, None], np.float32)
        case "blurred":
            return np.asarray(cv2.GaussianBlur(picture, (0, 0), picture.shape[0] / 120), np.float32)
    return picture


def _from_file(path: Path, width: int, height: int) -> Pixels:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{str(path)!r} is neither a picture file, nor a head, nor one of {', '.join(SUBJECTS)}")
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _person(wall: NDArray[np.float32], look: Look, eyes: tuple[float, float]) -> NDArray[np.float32]:
    """Put the person before the wall with the eyes' midpoint at `eyes`."""
    picture, alpha = _cut_out()
    x, y = SOURCE_EYES
    roll = SOURCE_ROLL_DEG
    if look.mirrored:
        picture, alpha = picture[:, ::-1], alpha[:, ::-1]
        x, roll = picture.shape[1] - 1 - x, -roll
    scale = look.scale * EYE_DISTANCE_PX / SOURCE_EYE_DISTANCE
    matrix = np.asarray(cv2.getRotationMatrix2D((x, y), roll - look.roll, scale), np.float64)
    matrix[:, 2] += np.array((eyes[0] + look.shift[0] - x, eyes[1] + look.shift[1] - y))
    size = (wall.shape[1], wall.shape[0])
    front = cv2.warpAffine(np.ascontiguousarray(picture), matrix, size, flags=cv2.INTER_LANCZOS4)
    # Enlarged almost three times, the photograph is soft: an unsharp mask gives back what a lens would show.
    soft = np.asarray(front, np.float32)
    sharp = soft + 0.9 * (soft - np.asarray(cv2.GaussianBlur(soft, (0, 0), 3.0), np.float32))
    share = cv2.warpAffine(np.ascontiguousarray(alpha), matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    return np.asarray(wall * (1 - share) + sharp * look.gain * share, np.float32)


@cache
def _cut_out() -> tuple[Pixels, NDArray[np.float32]]:
    """Return the photograph (BGR) and the person's alpha 0..1, found by GrabCut from a rough outline."""
    picture = np.ascontiguousarray(data.astronaut()[..., ::-1])  # type: ignore[no-untyped-call]  # untyped library
    mask = np.full(picture.shape[:2], cv2.GC_BGD, np.uint8)
    outline = np.array([[120, 20], [320, 20], [330, 190], [430, 300], [450, 511], [0, 511], [20, 300], [130, 200]])
    cv2.fillPoly(mask, [outline.astype(np.int32)], cv2.GC_PR_FGD)
    cv2.ellipse(mask, (223, 120), (45, 68), 0, 0, 360, cv2.GC_FGD, -1)
    body = np.array([[140, 190], [190, 170], [262, 180], [300, 230], [380, 300], [430, 511], [30, 511], [90, 270]])
    cv2.fillPoly(mask, [body.astype(np.int32)], cv2.GC_FGD)
    cv2.setRNGSeed(1)
    size = picture.shape
    whole = (0, 0, size[1], size[0])  # not looked at when a mask is given
    cv2.grabCut(picture, mask, whole, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = _largest(person)
    alpha = cv2.GaussianBlur(cv2.erode(person, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1.2)
    return picture, np.asarray(alpha, np.float32)


def _largest(mask: Pixels) -> Pixels:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.uint8)


def _to_pixels(picture: NDArray[np.float32]) -> Pixels:
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
