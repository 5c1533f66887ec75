"""The 616 x 616 aligned face of ISO/IEC 29794-5, its skin mask, and the measuring zones in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait.face import HULL, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, Mesh, Points
from agent.devices.seams import Pixels

SIDE = 616
# Where eyes, nose and mouth corners come to lie (x, y); the first is the person's right eye.
_TARGET = np.array([(251, 272), (364, 272), (308, 336), (262, 402), (355, 402)], np.float32)
# Room around the hull, so that filters see true neighbours.
_MARGIN = 12


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """The part of the 616 x 616 picture that the face's hull covers: all measures look at nothing else.

    `pixels` is height x width x 3 BGR, `mask` is 255 on the hull, `points` are the landmarks in it (468 x 2).
    """

    pixels: Pixels = field(repr=False)
    mask: Pixels = field(repr=False)
    points: Points = field(repr=False)

    @property
    def right_eye(self) -> Points:
        """Centre of the person's right eye."""
        return np.asarray((self.points[33] + self.points[133]) / 2)

    @property
    def left_eye(self) -> Points:
        """Centre of the person's left eye."""
        return np.asarray((self.points[263] + self.points[362]) / 2)


def align(pixels: Pixels, mesh: Mesh) -> AlignedFace | None:
    """Turn and scale a frame so that the face lies where the standard's measures want it; None if it cannot be."""
    matrix = alignment(mesh)
    if matrix is None:
        return None
    points = mesh.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    hull = points[list(HULL)]
    low = np.clip(np.floor(hull.min(axis=0)) - _MARGIN, 0, SIDE).astype(int)
    high = np.clip(np.ceil(hull.max(axis=0)) + _MARGIN, 0, SIDE).astype(int)
    width, height = (int(side) for side in high - low)
    if width < 2 * _MARGIN or height < 2 * _MARGIN:
        return None
    matrix[:, 2] -= low
    picture = np.asarray(cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull((hull - low).astype(np.float32)).astype(np.int32), (255,))
    return AlignedFace(picture, mask, (points - low).astype(np.float32)) if mask.any() else None


def alignment(mesh: Mesh) -> NDArray[np.float64] | None:
    """Return the 2 x 3 map from the frame to the 616 x 616 picture, or None when there is none."""
    source = np.array(
        [mesh.right_eye, mesh.left_eye, mesh.at(NOSE_TIP), mesh.at(MOUTH_RIGHT), mesh.at(MOUTH_LEFT)], np.float32
    )
    matrix, _ = cv2.estimateAffinePartial2D(source, _TARGET, method=cv2.LMEDS)
    return None if matrix is None or not np.isfinite(matrix).all() else np.asarray(matrix, np.float64)


def cheeks(face: AlignedFace) -> tuple[Pixels, Pixels]:
    """Return the right and left cheek: squares of 0.3 inter-eye distances, midway between eye and mouth corner."""
    side = max(1, round(0.3 * float(np.linalg.norm(face.left_eye - face.right_eye))))
    right = (face.right_eye + face.points[MOUTH_RIGHT]) / 2
    left = (face.left_eye + face.points[MOUTH_LEFT]) / 2
    return _square(face.pixels, right, side), _square(face.pixels, left, side)


def _square(pixels: Pixels, centre: Points, side: int) -> Pixels:
    x, y = (max(0, round(float(value) - side / 2)) for value in centre)
    return pixels[y : y + side, x : x + side]
