"""Everything that is measured in one frame: what every preview frame needs, and what only the still is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.capture.liveness.sampling import glimpse
from agent.capture.liveness.series import Glimpse
from agent.capture.portrait import crop, formulas
from agent.capture.portrait.alignment import align
from agent.capture.portrait.background import Background
from agent.capture.portrait.encoding import encode
from agent.capture.portrait.errors import TooFewPixels
from agent.capture.portrait.eyes import measure_eyes
from agent.capture.portrait.face import Box, FaceFinder, Mesh
from agent.capture.portrait.framing import measure_crop
from agent.capture.portrait.geometry import measure_geometry
from agent.capture.portrait.jpeg2000 import encode_jpeg2000
from agent.capture.portrait.light import measure_light
from agent.capture.portrait.measures import (
    JPEG_2000,
    SINGLE_FACE,
    UNASSESSED,
    Analysis,
    Encoded,
    Measure,
    SizeLimits,
    Still,
)
from agent.capture.portrait.pose import head_pose
from agent.capture.portrait.second_look import SecondLook
from agent.capture.portrait.settings import CROP_DPI
from agent.capture.portrait.sharpness import measure_sharpness
from agent.devices.seams import Pixels

NOT_FINITE = "the landmarks give no finite value"


@dataclass(frozen=True, slots=True)
class Inspection:
    """A still's measures with the landmarks and the crop that they were taken from; both None without a face."""

    analysis: Analysis
    mesh: Mesh | None = field(default=None, repr=False)
    crop: Pixels | None = field(default=None, repr=False)


class Analyser:
    """Measures BGR frames (height x width x 3) of any size. Not for use by several threads at once.

    Raises ModelMissing or ModelWrong.
    """

    def __init__(self, models: Path) -> None:
        self._finder = FaceFinder(models)
        self._background = Background(models)
        self._second = SecondLook(models)

    def preview(self, pixels: Pixels) -> Analysis:
        """Measure faces, geometry, light, eyes, sharpness and framing."""
        boxes, mesh = self._find(pixels)
        return Analysis(len(boxes)) if mesh is None else _measured(pixels, boxes, mesh)

    def glimpse(self, pixels: Pixels) -> Glimpse:
        """Measure what liveness needs."""
        return glimpse(self._finder, pixels)

    def still(self, pixels: Pixels, limits: SizeLimits | None = None) -> Still:
        """Measure everything, and encode the frame and its crop. Raises SizeLimitTooSmall."""
        limits = limits or SizeLimits()
        seen = self.inspect(pixels)
        if seen.mesh is None or seen.crop is None:
            return Still(seen.analysis, Encoded(), Encoded())
        try:
            crop.demand_pixels(seen.mesh)
            cropped = _encoded_crop(seen.crop, limits)
        except TooFewPixels:
            cropped = Encoded()
        return Still(seen.analysis, encode(pixels, limits.still), cropped)

    def inspect(self, pixels: Pixels) -> Inspection:
        """Measure everything and encode nothing."""
        boxes, mesh = self._find(pixels)
        analysis = Analysis(len(boxes)) if mesh is None else _measured(pixels, boxes, mesh)
        if mesh is None or not analysis.has_face:
            return Inspection(analysis)
        cropped = crop.laid_out(pixels, mesh)
        own = [*measure_crop(mesh), self._background.measure(cropped), *UNASSESSED]
        more = _by_name([*own, *self._others(pixels, analysis)])
        return Inspection(replace(analysis, measures={**analysis.measures, **more}), mesh, cropped)

    def _others(self, pixels: Pixels, analysis: Analysis) -> list[Measure]:
        """Measure other people again when the second detector sees more of them than the first one did."""
        share = self._second.second_face(pixels)
        seen = analysis.native(SINGLE_FACE) or 0.0
        return [Measure(SINGLE_FACE, share, "area ratio", formulas.single_face(share))] if share > seen else []

    def _find(self, pixels: Pixels) -> tuple[list[Box], Mesh | None]:
        boxes = self._finder.faces(pixels)
        return boxes, self._finder.mesh(pixels, boxes[0]) if boxes else None


def _encoded_crop(pixels: Pixels, limits: SizeLimits) -> Encoded:
    if limits.crop_type == JPEG_2000:
        return encode_jpeg2000(pixels, limits.crop)
    return encode(pixels, limits.crop, CROP_DPI)


def _measured(pixels: Pixels, boxes: list[Box], mesh: Mesh) -> Analysis:
    face = align(pixels, mesh)
    if face is None:
        return Analysis(len(boxes))
    height, width = pixels.shape[:2]
    found = [
        *measure_geometry(mesh, head_pose(mesh, width), boxes),
        *measure_light(face),
        *measure_eyes(face),
        *measure_sharpness(face),
        Measure("kiosk_crop_height", crop.crop_height(mesh), "px"),
        Measure("kiosk_crop_inside_frame", crop.share_inside(mesh, width, height), "share"),
    ]
    box = (boxes[0].x, boxes[0].y, boxes[0].width, boxes[0].height)
    return Analysis(len(boxes), _by_name(found), box, crop.beyond(mesh, width, height))


def _by_name(measures: Iterable[Measure]) -> dict[str, Measure]:
    return {measure.name: _finite(measure) for measure in measures}


def _finite(measure: Measure) -> Measure:
    if measure.native is None or math.isfinite(measure.native):
        return measure
    return Measure(measure.name, None, measure.unit, reason=NOT_FINITE)
