"""What can be said about a subject and how they are photographed, and the truth that goes with each picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.source import eye_centres

Colour = tuple[float, float, float]
EYES_MM = 700.0


class Skin(Enum):
    """Skin tone; the value is the gain in linear light, red green blue, on the photograph's own."""

    LIGHT = (1.0, 1.0, 1.0)
    TAN = (0.72, 0.63, 0.52)
    BROWN = (0.50, 0.39, 0.29)
    DARK = (0.36, 0.265, 0.205)


class Hair(Enum):
    """Hair tone; the value is the gain in linear light, red green blue, on the photograph's own."""

    BROWN = (1.0, 1.0, 1.0)
    DARK = (0.42, 0.40, 0.42)
    BLACK = (0.10, 0.10, 0.12)
    GREY = (1.15, 1.35, 2.1)


class Wall(Enum):
    """What is behind the subject."""

    PLAIN = "plain"
    TEXTURE = "texture"
    POSTER = "poster"
    SECOND_PERSON = "second-person"


@dataclass(frozen=True, slots=True)
class Subject:
    """One person before the camera.

    Pose in degrees: yaw turns the nose to the picture's right (the person's left), pitch lifts it, roll is clockwise in
    the picture. `distance_mm` is camera to eyes, `offset_mm` shifts the person right and down. `mouth` is 0 closed,
    1 as wide as in the photograph; `eyes_closed` 0 open, 1 shut. `identity` 0 is the plain subject, any other number a
    seed for shape, tones and detail, `strength` how far it strays. A tone of None follows the identity.

    Light: `light_from` is degrees right of and above the camera, `light_strength` 0 (all around) .. 1 (that lamp only);
    `exposure` a factor on linear light, `cast` and `flash` red, green, blue: the first a gain on all, the second light
    from the screen that the face answers by Lambert's law (1 is as bright as the room).

    Camera: `noise` sigma in grey levels, `blur_px` sigma of defocus, `motion_px` length and `motion_deg` direction of
    motion blur, `jpeg` quality 1..100. `texture` is the wall's contrast in grey levels, `glare` 0..1 on the glasses.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance_mm: float = EYES_MM
    offset_mm: tuple[float, float] = (0.0, 0.0)
    mouth: float = 0.0
    eyes_closed: float = 0.0
    identity: int = 0
    strength: float = 1.0
    skin: Skin | None = None
    hair: Hair | None = None
    glasses: bool = False
    glare: float = 0.0
    wall: Wall = Wall.PLAIN
    wall_tone: Colour = (190.0, 194.0, 196.0)
    texture: float = 30.0
    light_from: tuple[float, float] = (0.0, 20.0)
    light_strength: float = 0.0
    exposure: float = 1.0
    cast: Colour = (1.0, 1.0, 1.0)
    flash: Colour = (0.0, 0.0, 0.0)
    noise: float = 2.0
    blur_px: float = 0.0
    motion_px: float = 0.0
    motion_deg: float = 0.0
    jpeg: int = 92

    def __post_init__(self) -> None:
        _check("yaw", self.yaw, -60, 60)
        _check("pitch", self.pitch, -40, 40)
        _check("roll", self.roll, -180, 180)
        _check("distance_mm", self.distance_mm, 200, 10_000)
        _check("mouth", self.mouth, 0, 1.5)
        _check("jpeg", self.jpeg, 1, 100)
        for name in ("eyes_closed", "light_strength", "glare"):
            _check(name, getattr(self, name), 0, 1)
        for name in ("exposure", "noise", "blur_px", "motion_px", "texture", "strength"):
            _check(name, getattr(self, name), 0, 1000)


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera without distortion; `focal_px` None is 1330 px at 1280 px width."""

    width: int = 1280
    height: int = 720
    focal_px: float | None = None

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.width * 1330 / 1280 if self.focal_px is None else self.focal_px

    @property
    def centre(self) -> tuple[float, float]:
        """Where the eyes' midpoint of a subject without offset appears, in pixels: a little above the middle."""
        return (self.width - 1) / 2, self.height * 0.45


@dataclass(frozen=True, slots=True)
class Truth:
    """What the picture really shows.

    Pose in degrees and distance as asked for; eye centres (middle of the corners) and inter-eye distance in pixels;
    lid and lip gaps as shares of T, the distance from the eyes' midpoint to the chin, measured on the frontal head in
    space; `points` are the 468 landmarks in the picture (pixels), `depth_mm` their distance from the camera's plane.
    For a presentation attack these are the points of the picture that is shown, where they appear; `medium` names it.
    """

    yaw: float
    pitch: float
    roll: float
    distance_mm: float
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]
    inter_eye_px: float
    eye_gap: float
    mouth_gap: float
    points: NDArray[np.float32] = field(repr=False)
    depth_mm: NDArray[np.float32] = field(repr=False)
    medium: str = "live"

    @classmethod
    def of_points(
        cls,
        points: NDArray[np.float32],
        depth_mm: NDArray[np.float32],
        pose: tuple[float, float, float],
        gaps: tuple[float, float],
        medium: str = "live",
    ) -> Truth:
        """Build the truth from 468 points with their depths, the pose in degrees, and the lid and lip gap."""
        right, left = eye_centres(points)
        return cls(
            *pose,
            distance_mm=float(sum(eye_centres(depth_mm)) / 2),
            right_eye=(float(right[0]), float(right[1])),
            left_eye=(float(left[0]), float(left[1])),
            inter_eye_px=float(np.linalg.norm(left - right)),
            eye_gap=gaps[0],
            mouth_gap=gaps[1],
            points=points,
            depth_mm=depth_mm,
            medium=medium,
        )


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}, and must be in {low:g}..{high:g}")
