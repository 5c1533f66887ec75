"""Faces and their 468 landmarks: BlazeFace and the face mesh, both run by OpenCV's own dnn."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait.models import FACE_DETECTION, FACE_LANDMARK, Model, load_model
from agent.devices.seams import Pixels

Points = NDArray[np.floating[Any]]

DETECTOR_SIDE = 128
MESH_SIDE = 192
MESH_POINTS = 468
# The mesh wants the face with a margin: 1.5 times the detector's box, turned upright by the eyes.
MESH_MARGIN = 1.5
# Less than this cannot be measured, whatever the detector says.
MIN_FACE_PX = 4
MIN_SCORE = 0.5
MIN_PRESENCE = 0.5
OVERLAP = 0.3

# Indices into the 468 points; left and right are the person's own.
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 33, 133
LEFT_EYE_OUTER, LEFT_EYE_INNER = 263, 362
NOSE_TIP = 1
MOUTH_RIGHT, MOUTH_LEFT = 61, 291
CHIN = 152
# Upper and lower lid in pairs, and the inner lips in pairs from corner to corner.
RIGHT_LIDS = ((160, 144), (159, 145), (158, 153))
LEFT_LIDS = ((387, 373), (386, 374), (385, 380))
RIGHT_EYE_RING = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE_RING = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
INNER_LIPS = ((82, 87), (13, 14), (312, 317))
HULL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Box:
    """A detected face in pixels: top left corner, size, the two eyes, and the detector's score 0..1."""

    x: float
    y: float
    width: float
    height: float
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]
    score: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Mesh:
    """468 points as N x 3: x and y in frame pixels, relative depth in the same scale."""

    points: Points = field(repr=False)

    def at(self, index: int) -> Points:
        """Return one point's x and y."""
        return self.points[index, :2]

    @property
    def right_eye(self) -> Points:
        """Centre of the person's right eye."""
        return (self.at(RIGHT_EYE_OUTER) + self.at(RIGHT_EYE_INNER)) / 2

    @property
    def left_eye(self) -> Points:
        """Centre of the person's left eye."""
        return (self.at(LEFT_EYE_OUTER) + self.at(LEFT_EYE_INNER)) / 2

    @property
    def inter_eye_distance(self) -> float:
        """Distance of the eye centres in pixels."""
        return float(np.linalg.norm(self.left_eye - self.right_eye))

    @property
    def eye_to_chin(self) -> float:
        """T of ISO/IEC 29794-5: eye midpoint to chin, in pixels."""
        return float(np.linalg.norm((self.left_eye + self.right_eye) / 2 - self.at(CHIN)))

    @property
    def is_face(self) -> bool:
        """The points are finite, and eyes and chin apart: what everything else divides by."""
        return bool(np.isfinite(self.points).all()) and min(self.inter_eye_distance, self.eye_to_chin) >= 1


class FaceFinder:
    """Finds faces and their landmarks. Not for use by several threads at once."""

    def __init__(self, models: Path) -> None:
        self._detector = load_net(models, FACE_DETECTION)
        self._mesh = load_net(models, FACE_LANDMARK)
        self._anchors = anchors()

    def faces(self, pixels: Pixels) -> list[Box]:
        """Return the faces of a BGR picture, the largest first."""
        square, scale, left, top = _letterbox(pixels)
        blob = cv2.dnn.blobFromImage(square, 1 / 127.5, swapRB=True, mean=(127.5, 127.5, 127.5))
        self._detector.setInput(blob)
        # In this order whatever order the file has them in.
        scores, boxes = self._detector.forward(["classificators", "regressors"])
        chance = 1 / (1 + np.exp(-np.clip(scores.reshape(-1), -80, 80)))
        keep = np.flatnonzero(chance >= MIN_SCORE)
        rows = decode(np.asarray(boxes, np.float32).reshape(-1, 16)[keep], self._anchors[keep]) * DETECTOR_SIDE / scale
        rows -= np.tile([left, top], 8).astype(np.float32)
        found = [_box(row, float(score)) for row, score in zip(rows, chance[keep], strict=True)]
        return sorted(_strongest(found), key=lambda box: -box.area)

    def mesh(self, pixels: Pixels, box: Box) -> Mesh | None:
        """Return the landmarks of a face, or None when the mesh sees no face there."""
        if max(box.width, box.height) < MIN_FACE_PX:
            return None
        matrix = _upright(box)
        crop = cv2.warpAffine(pixels, matrix, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_LINEAR)
        self._mesh.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True))
        first, second = self._mesh.forward(self._mesh.getUnconnectedOutLayersNames())
        raw, presence = (first, second) if first.size > second.size else (second, first)
        if 1 / (1 + np.exp(-float(presence.reshape(-1)[0]))) < MIN_PRESENCE:
            return None
        points = raw.reshape(MESH_POINTS, 3).astype(np.float32)
        back = cv2.invertAffineTransform(matrix)
        scale = float(np.hypot(back[0, 0], back[1, 0]))
        plane = points[:, :2] @ back[:, :2].T + back[:, 2]
        mesh = Mesh(np.column_stack([plane, points[:, 2] * scale]).astype(np.float32))
        return mesh if mesh.is_face else None


def anchors() -> Points:
    """Return the detector's 896 anchor centres (x, y in 0..1): 16 x 16 cells twice, 8 x 8 cells six times."""
    grids = []
    for cells, repeat in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        centres = np.stack([(x + 0.5) / cells, (y + 0.5) / cells], axis=-1).reshape(-1, 2)
        grids.append(np.repeat(centres, repeat, axis=0))
    return np.concatenate(grids).astype(np.float32)


def decode(rows: Points, centres: Points) -> Points:
    """Turn the detector's rows (dx, dy, w, h, 6 points; in 1/128) into x, y, right, bottom, points; all 0..1."""
    scaled = rows / DETECTOR_SIDE
    middle = scaled[:, :2] + centres
    half = scaled[:, 2:4] / 2
    points = scaled[:, 4:] + np.tile(centres, 6)
    return np.concatenate([middle - half, middle + half, points], axis=1)


def load_net(models: Path, model: Model) -> cv2.dnn.Net:
    """Load a TFLite model into OpenCV; raise ModelMissing or ModelWrong."""
    # By path and with the classic engine: the new engine, and reading from a buffer, drop all outputs but the last.
    # The path is an anonymous file of the very bytes that were checked.
    handle = os.memfd_create(model.name)
    with os.fdopen(handle, "wb") as file:
        file.write(load_model(models, model))
        file.flush()
        return cv2.dnn.readNetFromTFLite(f"/proc/self/fd/{handle}", cv2.dnn.ENGINE_CLASSIC)


def _letterbox(pixels: Pixels) -> tuple[Pixels, float, float, float]:
    """Fit the picture into the detector's square; return it, the scale, and the padding in frame pixels."""
    height, width = pixels.shape[:2]
    scale = DETECTOR_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale <= 1 / 4 and not (height % 2 or width % 2):
        # Averaging by two is quick; the rest then has a quarter of the pixels.
        pixels = np.asarray(cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    top, left = (DETECTOR_SIDE - small.shape[0]) // 2, (DETECTOR_SIDE - small.shape[1]) // 2
    square = np.zeros((DETECTOR_SIDE, DETECTOR_SIDE, 3), np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square, scale, left / scale, top / scale


def _box(row: Points, score: float) -> Box:
    x, y, right, bottom = (float(value) for value in row[:4])
    eyes = [float(value) for value in row[4:8]]
    return Box(x, y, right - x, bottom - y, (eyes[0], eyes[1]), (eyes[2], eyes[3]), score)


def _strongest(found: list[Box]) -> list[Box]:
    """Keep the best of boxes that overlap (greedy non-maximum suppression)."""
    kept: list[Box] = []
    for box in sorted(found, key=lambda one: -one.score):
        if all(_overlap(box, other) < OVERLAP for other in kept):
            kept.append(box)
    return kept


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(0.0, width) * max(0.0, height)
    return common / (one.area + other.area - common)


def _upright(box: Box) -> NDArray[np.float64]:
    """Return the affine map from the frame to the mesh's square."""
    dx, dy = box.left_eye[0] - box.right_eye[0], box.left_eye[1] - box.right_eye[1]
    angle = float(np.degrees(np.arctan2(dy, dx)))
    centre = (box.x + box.width / 2, box.y + box.height / 2)
    scale = MESH_SIDE / (MESH_MARGIN * max(box.width, box.height))
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, angle, scale), np.float64)
    matrix[:, 2] += MESH_SIDE / 2 - np.array(centre)
    return matrix
