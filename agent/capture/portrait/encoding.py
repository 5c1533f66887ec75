"""JPEG of the still and the crop: quality searched for a size limit, resolution told, no EXIF.

The settings go into the evidence, since compression is ours.
"""

from __future__ import annotations

import cv2

from agent.capture.portrait.errors import SizeLimitTooSmall
from agent.capture.portrait.measures import Encoded
from agent.capture.portrait.settings import JPEG_QUALITY, LOWEST_QUALITY
from agent.devices.seams import Pixels

# JFIF (ITU-T T.871): SOI, APP0, its length, "JFIF", version; then units (1: dots per inch) and both densities.
_JFIF, _UNITS_AT, _DENSITY_AT = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", 13, 14


def encode(pixels: Pixels, most_bytes: int, dpi: int = 0) -> Encoded:
    """Return a BGR picture as JPEG 4:4:4 of at most `most_bytes` with the best quality up to JPEG_QUALITY.

    `dpi` is written into the JFIF header when it is known. Raises SizeLimitTooSmall when not even LOWEST_QUALITY fits,
    ValueError for a picture that cannot be encoded.
    """
    best = Encoded(_encoded(pixels, JPEG_QUALITY), JPEG_QUALITY)
    if len(best.data) > most_bytes:
        best = _searched(pixels, most_bytes)
    return Encoded(_with_density(best.data, dpi), best.quality) if dpi else best


def _searched(pixels: Pixels, most_bytes: int) -> Encoded:
    low, high, best = LOWEST_QUALITY, JPEG_QUALITY - 1, Encoded()
    while low <= high:
        quality = (low + high) // 2
        data = _encoded(pixels, quality)
        if len(data) <= most_bytes:
            best, low = Encoded(data, quality), quality + 1
        else:
            high = quality - 1
    if not best.data:
        raise SizeLimitTooSmall(f"{most_bytes} bytes at quality {LOWEST_QUALITY}")
    return best


def _encoded(pixels: Pixels, quality: int) -> bytes:
    sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])
    if not ok:
        raise ValueError("the picture could not be encoded")
    return data.tobytes()


def _with_density(jpeg: bytes, dpi: int) -> bytes:
    if not jpeg.startswith(_JFIF):
        raise ValueError("the encoder wrote no JFIF header")
    density = dpi.to_bytes(2, "big")
    return jpeg[:_UNITS_AT] + b"\x01" + density * 2 + jpeg[_DENSITY_AT + 4 :]
