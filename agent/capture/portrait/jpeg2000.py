"""JPEG 2000 (ISO/IEC 15444-1, in a JP2 file) within a size limit.

OpenCV's encoder, OpenJPEG, is steered by the share of the raw size that it may use, in thousandths.
"""

from __future__ import annotations

import cv2

from agent.capture.portrait.errors import SizeLimitTooSmall
from agent.capture.portrait.measures import JPEG_2000, Encoded
from agent.capture.portrait.settings import JPEG_2000_SHARE, LOWEST_JPEG_2000_SHARE
from agent.devices.seams import Pixels


def encode_jpeg2000(pixels: Pixels, most_bytes: int) -> Encoded:
    """Return a BGR picture as JP2 of at most `most_bytes`; its quality is the share of the raw size in thousandths.

    Raises SizeLimitTooSmall when not even LOWEST_JPEG_2000_SHARE fits, ValueError for what cannot be encoded.
    """
    share = min(JPEG_2000_SHARE, most_bytes * 1000 // pixels.nbytes)
    # The share bounds the code stream; the boxes around it may go a few bytes beyond.
    for one in range(share, LOWEST_JPEG_2000_SHARE - 1, -1):
        data = _encoded(pixels, one)
        if len(data) <= most_bytes:
            return Encoded(data, one, JPEG_2000)
    raise SizeLimitTooSmall(f"{most_bytes} bytes at {LOWEST_JPEG_2000_SHARE} thousandths")


def _encoded(pixels: Pixels, share: int) -> bytes:
    ok, data = cv2.imencode(".jp2", pixels, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, share])
    if not ok:
        raise ValueError("the picture could not be encoded")
    return data.tobytes()
