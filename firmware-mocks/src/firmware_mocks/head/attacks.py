"""Presentation attacks: a picture of the subject held before the camera, on paper or on a screen.

A print is a Lambert surface and answers the flash by the paper's normals; a screen shines by itself and only mirrors a
little of it. A replayed video is one `Attack` per frame, each with the pose `shown` in that frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head import light, sensor
from firmware_mocks.head.linear import to_codes, to_linear
from firmware_mocks.head.raster import NORMAL_STEP, project
from firmware_mocks.head.renderer import Picture, Renderer
from firmware_mocks.head.subject import Camera, Subject, Truth
from firmware_mocks.head.surface import Hit, Surface

Pixels = NDArray[np.uint8]


class Medium(Enum):
    """What the picture is shown on."""

    PRINT = "print"
    SCREEN = "screen"


# Paper is never black and never quite white; glass mirrors this share of what the kiosk's screen sends.
_INK, _PAPER = 0.015, 0.86
_GLASS = 0.04
_BEZEL_MM = 7.0


@dataclass(frozen=True, slots=True)
class Attack:
    """A picture of `shown`, and how it is held.

    `yaw`, `pitch`, `roll` turn the medium (degrees, as a head), `radius_mm` bends it (None flat), `size_mm` is its
    width and height, `scale` 1 shows the face life-size (a phone shows less and is held nearer: the face looks equally
    large), `offset_mm` moves it. `scene` gives the room: wall, light, exposure, flash, noise, blur, JPEG; its person is
    not there. Screens: `brightness` against the room's white, `gamma` of a wrongly set screen, `moire` and `banding`
    0..1 with `phase` (turns; changes from frame to frame), `glare` 0..1 a lamp's reflection on either medium.
    """

    shown: Subject
    medium: Medium = Medium.PRINT
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    radius_mm: float | None = None
    size_mm: tuple[float, float] = (297.0, 420.0)
    scale: float = 1.0
    offset_mm: tuple[float, float] = (0.0, 0.0)
    scene: Subject = field(default_factory=Subject)
    brightness: float = 0.8
    gamma: float = 1.0
    moire: float = 0.0
    banding: float = 0.0
    phase: float = 0.0
    glare: float = 0.0

    def surface(self) -> Surface:
        """Return the medium in space."""
        x, y = self.offset_mm
        if self.radius_mm is not None and self.size_mm[0] > np.pi * self.radius_mm:
            raise ValueError(f"{self.size_mm[0]:g} mm do not go round half a cylinder of {self.radius_mm:g} mm")
        at = (x, y, self.shown.distance_mm * self.scale)
        return Surface(self.size_mm, at, self.yaw, self.pitch, self.roll, self.radius_mm)


def present(renderer: Renderer, attack: Attack) -> Picture:
    """Return the picture of an attack; its truth says where the shown face's points appear."""
    camera, scene = renderer.camera, attack.scene
    picture = renderer.render(replace(attack.shown, noise=0.0))
    pixels = renderer.wall(scene)
    surface = attack.surface()
    hit = surface.hit(camera)
    if hit is not None:
        _lay_on(pixels, hit, _lit(attack, surface, hit, _seen(attack, hit, picture.pixels, camera)))
    pixels = sensor.blurred(pixels, scene.blur_px, scene.motion_px, scene.motion_deg)
    return Picture(pixels, _truth(attack, surface, picture.truth, camera), scene.noise, scene.jpeg)


def _mm_per_px(attack: Attack, camera: Camera) -> float:
    return attack.shown.distance_mm / camera.focal * attack.scale


def _seen(attack: Attack, hit: Hit, shown: Pixels, camera: Camera) -> Pixels:
    """Return the picture's own colours where the surface is seen."""
    step = np.float32(1 / _mm_per_px(attack, camera))
    x = np.nan_to_num(hit.u, nan=-1e6) * step + np.float32(camera.centre[0])
    y = np.nan_to_num(hit.v, nan=-1e6) * step + np.float32(camera.centre[1])
    return np.asarray(cv2.remap(shown, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _lit(attack: Attack, surface: Surface, hit: Hit, colours: Pixels) -> Pixels:
    distance = attack.shown.distance_mm * attack.scale
    if attack.medium is Medium.PRINT:
        paper = to_codes(to_linear(colours) * np.float32(_PAPER) + np.float32(_INK))
        coarse = hit.angle[::NORMAL_STEP, ::NORMAL_STEP]
        lit = light.shade(paper, surface.normals(coarse), attack.scene, distance)
    else:
        lit = _screen(attack, hit, colours)
    return _glared(lit, hit, attack) if attack.glare > 0 else lit


def _screen(attack: Attack, hit: Hit, colours: Pixels) -> Pixels:
    """Return what a screen sends out: its picture, uneven by its grid and its refresh, and a little of the flash."""
    out = np.power(to_linear(colours), np.float32(attack.gamma)) * np.float32(attack.brightness)
    u, v = np.nan_to_num(hit.u), np.nan_to_num(hit.v)
    if attack.moire > 0:
        # The beat of the screen's grid with the sensor's: slow waves, each colour a third of a wave apart.
        wave = (u * np.float32(0.43) + v * np.float32(0.17)) * np.float32(2 * np.pi / 6)
        colour = np.array([0, 2 * np.pi / 3, 4 * np.pi / 3], np.float32)
        out *= 1 + np.float32(0.25 * attack.moire) * np.sin(wave[..., None] + colour)
    if attack.banding > 0:
        rows = np.arange(u.shape[0], dtype=np.float32) / 240 + np.float32(attack.phase)
        out *= 1 + np.float32(0.35 * attack.banding) * np.sin(2 * np.pi * rows)[:, None, None]
    mirrored = np.array(attack.scene.flash[::-1], np.float32) * np.float32(_GLASS)
    out = (out + mirrored) * np.array(light.overall(attack.scene), np.float32)
    across, down = attack.size_mm
    bezel = (np.abs(u) > across / 2 - _BEZEL_MM) | (np.abs(v) > down / 2 - _BEZEL_MM)
    out[bezel] = 0.01
    return to_codes(np.asarray(out, np.float32))


def _glared(lit: Pixels, hit: Hit, attack: Attack) -> Pixels:
    """Add a lamp's reflection up and to the right of the middle."""
    across, down = attack.size_mm
    u, v = np.nan_to_num(hit.u, nan=1e6), hit.v
    spot = np.exp(-(((u - 0.12 * across) / (0.14 * across)) ** 2) - ((v + 0.16 * down) / (0.08 * down)) ** 2)
    return to_codes(to_linear(lit) + (np.float32(1.4 * attack.glare) * spot[..., None]).astype(np.float32))


def _lay_on(pixels: Pixels, hit: Hit, lit: Pixels) -> None:
    height, width = hit.u.shape
    window = pixels[hit.top : hit.top + height, hit.left : hit.left + width]
    inside = np.isfinite(hit.u).astype(np.float32)
    cover = np.asarray(cv2.GaussianBlur(inside, (0, 0), 0.7), np.float32) * inside
    window[:] = cv2.blendLinear(np.ascontiguousarray(window), lit, 1 - cover, cover)


def _truth(attack: Attack, surface: Surface, shown: Truth, camera: Camera) -> Truth:
    """Say where the shown face's points are, and how the medium is turned."""
    along = (shown.points - np.array(camera.centre, np.float32)) * np.float32(_mm_per_px(attack, camera))
    solid = surface.to_camera(along)
    plane = project(solid, camera.focal, camera.centre)
    bent = f" bent to {attack.radius_mm:g} mm" if attack.radius_mm is not None else ""
    return Truth.of_points(
        plane,
        solid[:, 2],
        pose=(attack.yaw, attack.pitch, attack.roll),
        gaps=(shown.eye_gap, shown.mouth_gap),
        medium=attack.medium.value + bent,
    )
