"""The crop's geometry and the encoder's settings; known without loading any picture library."""

from __future__ import annotations

# 35x45 mm at 305 dpi: the smallest whole pixels of that shape with at least 300.
CROP_WIDTH, CROP_HEIGHT = 420, 540
CROP_DPI = 305
# Eye-to-chin over height, and the eyes' place from the top: between the standard's head size and its margins,
# which exclude one another.
HEAD_SHARE = 0.38
EYES_FROM_TOP = 0.45
JPEG_QUALITY = 95
# Below this a document printer shows blocks.
LOWEST_QUALITY = 60
# JPEG 2000, in thousandths of the raw size: 46 dB on a rendered face at the upper end, 35 dB at the lower.
JPEG_2000_SHARE, LOWEST_JPEG_2000_SHARE = 200, 30
CROP_MAX_BYTES, STILL_MAX_BYTES = 200_000, 2_000_000
JPEG_SAMPLING = "4:4:4"
