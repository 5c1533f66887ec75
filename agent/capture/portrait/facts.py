"""What the evidence says besides the measures: sizes, encoder, models, camera, and what was relaxed."""

from __future__ import annotations

from collections.abc import Mapping

from agent.capture.portrait.measures import JPEG_2000, Encoded, Still
from agent.capture.portrait.policy import PortraitPolicy
from agent.capture.portrait.settings import CROP_DPI, CROP_HEIGHT, CROP_WIDTH, JPEG_SAMPLING
from agent.devices.seams import Frame


def portrait_facts(frame: Frame, still: Still, policy: PortraitPolicy, models: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of one portrait; `models` is name -> SHA-256."""
    height, width = frame.pixels.shape[:2]
    crop = f"{CROP_WIDTH}x{CROP_HEIGHT} (35x45 mm, {CROP_DPI} dpi), {_encoder(still.crop)}"
    facts = {
        "still": f"{width}x{height}, {_encoder(still.picture)}",
        "crop": crop if still.crop.data else "none: the face has too few pixels",
    }
    relaxed = {f"relaxed for {one.case}": one.told for one in policy.relaxations}
    return facts | relaxed | {f"model {name}": sha256 for name, sha256 in models.items()}


def _encoder(jpeg: Encoded) -> str:
    if jpeg.media_type == JPEG_2000:
        return f"JPEG 2000, {jpeg.quality} thousandths of the raw size, {len(jpeg.data)} bytes"
    return f"JPEG quality {jpeg.quality}, {JPEG_SAMPLING}, {len(jpeg.data)} bytes"
