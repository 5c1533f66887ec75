"""A picture as PNG (ISO/IEC 15948), for the folder that the operator names with --out and nowhere else."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np

from agent.devices.seams import Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2
PRIVATE = 0o600


def png(pixels: Pixels) -> bytes:
    """Encode height x width (grey) or height x width x 3 (BGR), 8 bit."""
    height, width = pixels.shape[:2]
    colour = RGB if pixels.ndim == 3 else GREY
    rows = np.ascontiguousarray(pixels[..., ::-1] if colour == RGB else pixels).reshape(height, -1)
    # Each row begins with its filter, 0: none.
    data = np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(data, 6)) + _chunk(b"IEND", b"")


def save(folder: Path, name: str, data: bytes) -> Path:
    """Write a picture that only its owner may read; raise OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
