"""Pictures of subjects: wall, body, head, light, lens; and the truth about each."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head import body, glasses, light, sensor
from firmware_mocks.head.anatomy import Head, turn
from firmware_mocks.head.backdrop import WALL_BEHIND_MM, backdrop
from firmware_mocks.head.identity import tones
from firmware_mocks.head.raster import Raster, project, rasterise, vertex_normals
from firmware_mocks.head.shape import gaps, shaped
from firmware_mocks.head.skin import ENLARGED, on_texture
from firmware_mocks.head.subject import Camera, Subject, Truth, Wall
from firmware_mocks.head.texture import head_texture

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# The head turns about the neck: below and behind the eyes (mm, head coordinates).
PIVOT = np.array([0.0, 60.0, 85.0])
# Softness of the outline in pixels when the inter-eye distance is this many pixels.
EDGE_PX, EDGE_AT = 1.1, 119.0
LENS_PX = 0.5
CACHED = 4
SECOND_MM = (330.0, -20.0)
SECOND_BEHIND_MM = 420.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A clean picture (BGR, before sensor noise) with its truth; `exposed` and `jpeg` give frames of it."""

    pixels: Pixels = field(repr=False)
    truth: Truth
    noise: float
    quality: int

    def exposed(self, frame: int = 0) -> Pixels:
        """Return frame number `frame`: the picture with that frame's sensor noise."""
        return sensor.noisy(self.pixels, self.noise, frame)

    def jpeg(self, frame: int = 0) -> bytes:
        """Return frame number `frame` as JPEG."""
        return sensor.jpeg(self.exposed(frame), self.quality)


@dataclass(frozen=True, slots=True)
class _Layer:
    """The head as seen: own colours, share of cover 0..1, where the window is, and what the truth needs."""

    raster: Raster | None
    colours: Pixels
    cover: Floats
    truth: Truth


class Renderer:
    """Renders subjects for one camera. Keeps the geometry of the last poses. Not for use by several threads at once."""

    def __init__(self, camera: Camera | None = None) -> None:
        self.camera = camera or Camera()
        self._layers: OrderedDict[Subject, _Layer] = OrderedDict()

    def render(self, subject: Subject) -> Picture:
        """Return the picture of a subject."""
        layer = self._layer(subject)
        pixels = self.wall(subject)
        self._add_body(pixels, subject)
        if layer.raster is not None:
            _add_head(pixels, layer, subject)
            if subject.glasses:
                glasses.draw(pixels, layer.truth.points, subject)
        pixels = sensor.blurred(pixels, subject.blur_px, subject.motion_px, subject.motion_deg)
        return Picture(pixels, layer.truth, subject.noise, subject.jpeg)

    def truth(self, subject: Subject) -> Truth:
        """Return the truth without rendering."""
        return _posed(subject, self.camera)[3]

    def _layer(self, subject: Subject) -> _Layer:
        """Return the head's layer, from the cache when only light, wall or lens changed."""
        key = _geometry(subject)
        if key not in self._layers:
            self._layers[key] = _build(subject, self.camera)
            if len(self._layers) > CACHED:
                self._layers.popitem(last=False)
        self._layers.move_to_end(key)
        return self._layers[key]

    def wall(self, subject: Subject) -> Pixels:
        """Return what is behind the subject, lit, without the subject."""
        if subject.wall is Wall.SECOND_PERSON:
            return self._second_person(subject)
        wall = backdrop(subject, self.camera)
        lit = light.shade_flat(wall, subject, subject.distance_mm + WALL_BEHIND_MM, (0.0, 0.0, -1.0))
        return lit.copy() if lit is wall else lit

    def _second_person(self, subject: Subject) -> Pixels:
        """Return the wall with somebody else standing behind the subject, to the picture's right."""
        x, y = subject.offset_mm
        other = replace(
            subject,
            yaw=-8.0, pitch=0.0, roll=2.0, mouth=0.0, eyes_closed=0.0, glasses=False, blur_px=0.0, motion_px=0.0,
            identity=subject.identity + 1, wall=Wall.PLAIN, distance_mm=subject.distance_mm + SECOND_BEHIND_MM,
            offset_mm=(x + SECOND_MM[0], y + SECOND_MM[1]),
        )  # fmt: skip
        return self.render(other).pixels

    def _add_body(self, pixels: Pixels, subject: Subject) -> None:
        skin, _ = tones(subject)
        colours, alpha = body.body_texture(subject.identity, skin)
        matrix = body.place(subject, self.camera)
        top = max(0, int(matrix[1, 2]))
        if top >= self.camera.height:
            return
        matrix[1, 2] -= top
        size = (self.camera.width, self.camera.height - top)
        warped = cv2.warpAffine(colours, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        front = np.asarray(warped, np.uint8)
        cover = np.asarray(cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR), np.float32) / np.float32(255)
        lit = light.shade_flat(front, subject, subject.distance_mm + body.BEHIND_MM, (0.0, -0.35, -0.94))
        pixels[top:] = _over(pixels[top:], lit, cover)


def _geometry(subject: Subject) -> Subject:
    """Return the subject with everything that only light, wall and lens need left at its default."""
    plain = Subject()
    return replace(
        subject,
        glasses=False, glare=0.0, wall=plain.wall, wall_tone=plain.wall_tone, texture=plain.texture,
        light_from=plain.light_from, light_strength=0.0, exposure=1.0, cast=plain.cast, flash=plain.flash,
        noise=plain.noise, blur_px=0.0, motion_px=0.0, motion_deg=0.0, jpeg=plain.jpeg,
    )  # fmt: skip


def _posed(subject: Subject, camera: Camera) -> tuple[Head, Floats, Floats, Truth]:
    """Return the head, its vertices in camera coordinates and in the picture, and the truth."""
    head = shaped(subject.identity, subject.strength, subject.mouth)
    rotation = turn(subject.yaw, subject.pitch, subject.roll)
    # Offset and distance hold for the eyes' midpoint of the frontal head, which the pivot carries with it.
    at = np.array([*subject.offset_mm, subject.distance_mm])
    solid = ((head.places - PIVOT) @ rotation.T + PIVOT + at).astype(np.float32)
    plane = project(solid, camera.focal, camera.centre)
    lids, lips = gaps(head)
    truth = Truth.of_points(
        plane[:468],
        solid[:468, 2],
        pose=(subject.yaw, subject.pitch, subject.roll),
        gaps=(lids * (1 - subject.eyes_closed), lips),
    )
    return head, solid, plane, truth


def _build(subject: Subject, camera: Camera) -> _Layer:
    head, solid, plane, truth = _posed(subject, camera)
    normals = vertex_normals(solid, head.triangles)
    size = (camera.width, camera.height)
    raster = rasterise(plane, solid[:, 2], head.triangles, on_texture(head.texture), normals, size)
    if raster is None:
        return _Layer(None, np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.float32), truth)
    skin, hair = tones(subject)
    levels = head_texture(subject.identity, skin, hair, subject.eyes_closed)
    scale = truth.inter_eye_px / (43.2 * ENLARGED)
    level = 0 if scale > 0.5 else 1 if scale > 0.25 else 2
    shrink = np.float32(1 / (1 << level))
    u, v = raster.u * shrink, raster.v * shrink
    found = np.asarray(cv2.remap(levels[level], u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    # A lens never shows a triangle's edge as sharp as the raster does.
    colours = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(found[..., :3]), (0, 0), LENS_PX), np.uint8)
    return _Layer(raster, colours, _cover(raster, found[..., 3], truth.inter_eye_px / EDGE_AT), truth)


def _cover(raster: Raster, fray: Pixels, scale: float) -> Floats:
    """Return how much of each pixel the head covers: a soft edge, frayed where it is hair."""
    inside = raster.inside.astype(np.float32)
    near = np.asarray(cv2.GaussianBlur(inside, (0, 0), max(0.5, 2.2 * EDGE_PX * scale)), np.float32)
    torn = near - 0.55 + (fray.astype(np.float32) - 128) * np.float32(0.35 / 128)
    # Only the rim is soft: what is well inside stays covered, whatever the strands do.
    cover = np.clip(torn * 2.0 + 0.5, 0, 1)
    sure = np.clip((near - 0.9) * 12, 0, 1)
    return np.asarray(np.maximum(cover, sure) * np.minimum(1, near * 4), np.float32)


def _add_head(pixels: Pixels, layer: _Layer, subject: Subject) -> None:
    raster = layer.raster
    if raster is None:
        return
    lit = light.shade(layer.colours, raster.normals, subject, layer.truth.distance_mm)
    height, width = layer.cover.shape
    window = (slice(raster.top, raster.top + height), slice(raster.left, raster.left + width))
    pixels[window] = _over(pixels[window], lit, layer.cover)


def _over(behind: Pixels, front: Pixels, cover: Floats) -> Pixels:
    return np.asarray(cv2.blendLinear(np.ascontiguousarray(behind), front, 1 - cover, cover), np.uint8)
