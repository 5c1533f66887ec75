"""One measure of a portrait, the measures of one frame, and what a still is.

| measures | assessed |
|---|---|
| face count, geometry, pose, light, eyes, sharpness, framing | on every preview frame and on the still |
| background, head size and margins of the crop | on the still only (STILL_ONLY) |
| the reference implementation's own networks | never: "not assessed" (UNASSESSED) |

Which of them are gates is the policy's business (`policy.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.capture.portrait.settings import CROP_MAX_BYTES, STILL_MAX_BYTES

SINGLE_FACE = "single_face_present"
JPEG, JPEG_2000 = "image/jpeg", "image/jp2"


@dataclass(frozen=True, slots=True)
class Measure:
    """`native` is in `unit`; both values are None when the measure was not assessed, and `reason` says why."""

    name: str
    native: float | None
    unit: str = ""
    scalar: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The measures of one frame by name; `faces` counts the faces seen, the measures are the largest one's.

    Without a face, and when the landmarks see none in what was found, there are no measures. `face` is its box in
    frame pixels (x, y, width, height); `beyond` says how far the 35x45 crop would reach over the frame's left, right,
    upper and lower edge, in widths and heights of the crop (0 inside).
    """

    faces: int
    measures: Mapping[str, Measure] = field(default_factory=lambda: MappingProxyType({}))
    face: tuple[float, float, float, float] | None = field(default=None, repr=False)
    beyond: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def has_face(self) -> bool:
        """A face was found and measured."""
        return bool(self.measures)

    def native(self, name: str) -> float | None:
        """Return a native value, or None when it was not assessed."""
        measure = self.measures.get(name)
        return None if measure is None else measure.native


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded picture and the quality it was encoded with; empty with quality 0 when there is none.

    The quality is the encoder's own: 1 to 100 for JPEG, thousandths of the raw size for JPEG 2000.
    """

    data: bytes = field(default=b"", repr=False)
    quality: int = 0
    media_type: str = JPEG


@dataclass(frozen=True, slots=True)
class Still:
    """All measures of one frame, the frame and its 35x45 crop encoded.

    Both are empty without a face; the crop is empty, too, when the face has too few pixels for it.
    """

    analysis: Analysis
    picture: Encoded
    crop: Encoded


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The most bytes that still and crop may have, and the crop's encoding: JPEG or JPEG_2000. A still is JPEG."""

    still: int = STILL_MAX_BYTES
    crop: int = CROP_MAX_BYTES
    crop_type: str = JPEG


STILL_ONLY = frozenset(
    {
        "background_uniformity",
        "head_size",
        "leftward_crop_of_the_face_image",
        "rightward_crop_of_the_face_image",
        "margin_above_of_the_face_image",
        "margin_below_of_the_face_image",
    }
)

NOT_ASSESSABLE = "needs the reference implementation's own model, which is not installed"
# Reported as not assessed, never guessed (ISO/IEC 29794-5).
UNASSESSED = (
    *(
        Measure(name, None, reason=NOT_ASSESSABLE)
        for name in (
            "unified_quality_score",
            "sharpness",
            "expression_neutrality",
            "eyes_visible",
            "mouth_occlusion_prevention",
            "face_occlusion_prevention",
            "no_head_coverings",
        )
    ),
    Measure("compression_artefacts", None, reason="the encoder is the kiosk's own: its settings are in the facts"),
)
