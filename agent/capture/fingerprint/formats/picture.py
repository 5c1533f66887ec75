"""From packed pictures to pixels: raw, PNG, JPEG 2000 and WSQ, each checked by its own header first."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from agent.capture.fingerprint.formats.codes import Compression
from agent.capture.fingerprint.formats.errors import DamagedPicture, LyingLength, UnsupportedPicture
from agent.capture.fingerprint.formats.jpeg2000 import jpeg2000_size
from agent.capture.fingerprint.formats.limits import check_size
from agent.capture.fingerprint.formats.png_picture import png_size
from agent.capture.fingerprint.formats.record import Representation
from agent.capture.fingerprint.formats.wsq import read_wsq
from agent.devices.seams import Pixels


def pixels_of(one: Representation) -> Pixels:
    """Return the representation's picture: height x width, 8-bit grey.

    Raises UnsupportedPicture for packings 1 (packed bits) and 3 (JPEG), LyingLength when the picture has another size
    than its record says, PictureTooBig, DamagedPicture, DecoderTimeout, or what the picture's own header is wrong in.
    """
    check_size(one.width, one.height)
    pixels = _unpacked(one)
    if pixels.shape != (one.height, one.width):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise LyingLength(f"the record says {one.width}x{one.height} pixels, the picture has {found}")
    return pixels


def _unpacked(one: Representation) -> Pixels:
    match one.compression:
        case Compression.RAW:
            return np.frombuffer(one.image, np.uint8).reshape(one.height, one.width)
        case Compression.PNG:
            return read_png(one.image)
        case Compression.JPEG2000_LOSSY | Compression.JPEG2000_LOSSLESS:
            return read_jpeg2000(one.image)
        case Compression.WSQ:
            return read_wsq(one.image).pixels
        case _:
            raise UnsupportedPicture(f"packed as {one.compression.name}")


def read_png(data: bytes) -> Pixels:
    """Unpack an 8-bit grey PNG; raises the errors of `png_size`, and DamagedPicture."""
    return _by_pillow(data, "PNG", png_size(data))


def read_jpeg2000(data: bytes) -> Pixels:
    """Unpack an 8-bit grey JP2 file or codestream; raises the errors of `jpeg2000_size`, and DamagedPicture."""
    return _by_pillow(data, "JPEG2000", jpeg2000_size(data))


def _by_pillow(data: bytes, kind: str, size: tuple[int, int]) -> Pixels:
    """Let Pillow unpack what its header promises, and nothing else."""
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            if picture.size != size or picture.mode != "L":
                raise DamagedPicture(f"{kind} decoder sees {picture.size} {picture.mode}, the header says {size}")
            return np.asarray(picture, np.uint8)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise DamagedPicture(f"{kind}: {type(error).__name__}: {error}") from error
