"""The one photograph all subjects are made from, with its landmarks, triangles and outline.

NASA's portrait of Eileen Collins (public domain), as scikit-image ships it: 512 x 512, inter-eye distance 43 px.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import data

DATA = Path(__file__).with_name("data") / "source.npz"

# Indices into the 468 landmarks; left and right are the person's own.
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 33, 133
LEFT_EYE_OUTER, LEFT_EYE_INNER = 263, 362
NOSE_TIP, CHIN = 1, 152
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
# Each eye's ring: the upper lid from the outer to the inner corner, and the lower lid the same way.
RIGHT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LOWER_LID = (263, 249, 390, 373, 374, 380, 381, 382, 362)
# Lid and lip gaps as the standard's measures take them: pairs of upper and lower point.
LID_PAIRS = ((160, 144), (159, 145), (158, 153)), ((387, 373), (386, 374), (385, 380))
LIP_PAIRS = ((82, 87), (13, 14), (312, 317))


@dataclass(frozen=True, slots=True)
class Source:
    """`landmarks` 468 x 3 in source pixels (depth away from the camera), `triangles` N x 3, `matte` 512 x 512 bool."""

    landmarks: NDArray[np.float32] = field(repr=False)
    triangles: NDArray[np.int32] = field(repr=False)
    matte: NDArray[np.bool_] = field(repr=False)


@cache
def photograph() -> NDArray[np.uint8]:
    """Return the photograph as BGR."""
    picture = data.astronaut()  # type: ignore[no-untyped-call]  # untyped library
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


@cache
def source() -> Source:
    """Return what is known about the photograph; raises OSError when the data file is absent."""
    with np.load(DATA) as stored:
        matte = np.unpackbits(stored["matte"], axis=1).astype(bool)
        return Source(stored["landmarks"], stored["triangles"].astype(np.int32), matte)


def eye_centres(points: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the person's right and left eye centre: the middle of the corners, as the standard's measures take it."""
    right = (points[RIGHT_EYE_OUTER] + points[RIGHT_EYE_INNER]) / 2
    left = (points[LEFT_EYE_OUTER] + points[LEFT_EYE_INNER]) / 2
    return np.asarray(right, np.float32), np.asarray(left, np.float32)
