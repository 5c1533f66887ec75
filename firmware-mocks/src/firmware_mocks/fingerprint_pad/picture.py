"""Any grey picture as the finger on the glass."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.fingerprint_pad.frame import HEIGHT, WIDTH
from firmware_mocks.fingerprint_pad.scrambling import Pixels

WHITE = 255


class PictureError(ValueError):
    """The picture cannot be shown."""


def from_file(data: bytes) -> Pixels:
    """Read a picture file (PNG, PGM, JPEG, ...) and fit it to the glass; raises PictureError."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if found is None:
        raise PictureError("not a picture")
    return fitted(np.asarray(found, np.uint8))


def fitted(picture: NDArray[np.uint8]) -> Pixels:
    """Return 290 x 384 pixels: what fits is shown as it is, centred; larger pictures are cut, smaller ones framed."""
    if picture.ndim != 2 or 0 in picture.shape:
        raise PictureError("a finger is a grey picture: height x width")
    glass = np.full((HEIGHT, WIDTH), WHITE, np.uint8)
    height, width = min(HEIGHT, picture.shape[0]), min(WIDTH, picture.shape[1])
    from_y, from_x = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    to_y, to_x = (HEIGHT - height) // 2, (WIDTH - width) // 2
    glass[to_y : to_y + height, to_x : to_x + width] = picture[from_y : from_y + height, from_x : from_x + width]
    return glass
