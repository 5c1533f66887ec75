"""The lossless master of a finger: PNG with its resolution (ISO/IEC 15948, pHYs chunk)."""

from __future__ import annotations

import struct
import zlib

import cv2

from agent.devices.seams import FingerImage

INCH_M = 0.0254
# The signature and the IHDR chunk, which comes first.
_AFTER_IHDR = 8 + 4 + 4 + 13 + 4
_PER_METRE = 1


def png(image: FingerImage) -> bytes:
    """Return the picture at its own resolution, which the file tells in pixels per metre."""
    ok, encoded = cv2.imencode(".png", image.pixels)
    if not ok:
        raise ValueError("the picture could not be encoded")
    data = encoded.tobytes()
    return data[:_AFTER_IHDR] + _resolution(image.x_ppi, image.y_ppi) + data[_AFTER_IHDR:]


def _resolution(x_ppi: float, y_ppi: float) -> bytes:
    content = b"pHYs" + struct.pack(">IIB", round(x_ppi / INCH_M), round(y_ppi / INCH_M), _PER_METRE)
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
