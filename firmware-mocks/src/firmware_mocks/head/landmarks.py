"""Finds the source picture's landmarks and outline once; the result is committed as data/source.npz.

Run as `python -m firmware_mocks.head.landmarks MODELS_FOLDER`. At run time nothing needs the model files.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.anatomy import SOURCE_POSE, turn
from firmware_mocks.head.source import DATA, OVAL, eye_centres, photograph

Floats = NDArray[np.float32]

MESH_SIDE = 192
SEGMENT_SIDE = 256
CROPS = 15
# Where the face is in the photograph: centre and side of the square that the mesh is shown, and the face's roll.
CENTRE = (226.0, 124.0)
SQUARE = 141.0
ROLL_DEG = 3.4
# The head's axis, source pixels behind the eyes.
AXIS_BEHIND = 70.0
HEAD = (90, 0, 346, 256)


def find_landmarks(models: Path) -> Floats:
    """Return 468 x 3: x, y and relative depth in source pixels, the median of jittered crops."""
    net = cv2.dnn.readNetFromTFLite(str(models / "face_landmark.tflite"), cv2.dnn.ENGINE_CLASSIC)
    dice = np.random.default_rng(1)
    picture = photograph()
    return np.median([_one_crop(net, picture, dice) for _ in range(CROPS)], axis=0).astype(np.float32)


def _one_crop(net: cv2.dnn.Net, picture: NDArray[np.uint8], dice: np.random.Generator) -> Floats:
    scale = MESH_SIDE / SQUARE * dice.uniform(0.93, 1.07)
    centre = (CENTRE[0] + dice.uniform(-5, 5), CENTRE[1] + dice.uniform(-5, 5))
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, ROLL_DEG + dice.uniform(-5, 5), scale), np.float64)
    matrix[:, 2] += MESH_SIDE / 2 - np.array(centre)
    crop = cv2.warpAffine(picture, matrix, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_CUBIC)
    net.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True))
    outputs = net.forward(net.getUnconnectedOutLayersNames())
    points = max(outputs, key=lambda one: one.size).reshape(-1, 3).astype(np.float32)
    back = cv2.invertAffineTransform(matrix)
    plane = points[:, :2] @ back[:, :2].T + back[:, 2]
    return np.column_stack([plane, points[:, 2] / scale]).astype(np.float32)


def find_outline(models: Path) -> NDArray[np.uint8]:
    """Return the person's matte over the whole photograph, 0 or 255: segmentation, its edge refined by GrabCut."""
    net = cv2.dnn.readNetFromTFLite(str(models / "selfie_segmentation.tflite"), cv2.dnn.ENGINE_CLASSIC)
    picture = photograph()
    chance = _segment(net, picture, (0, 0, picture.shape[1], picture.shape[0]))
    x, y, right, bottom = HEAD
    chance[y : bottom - 20, x + 20 : right - 20] = _segment(net, picture, HEAD)[:-20, 20:-20]
    inside = (chance > 0.5).astype(np.uint8)
    kernel = np.ones((7, 7), np.uint8)
    mask = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[cv2.erode(inside, kernel) > 0] = cv2.GC_FGD
    mask[cv2.dilate(inside, kernel) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    whole = (0, 0, 1, 1)  # not looked at when a mask is given
    cv2.grabCut(picture, mask, whole, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(person)
    return np.asarray((labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))) * 255, np.uint8)


def _segment(net: cv2.dnn.Net, picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> Floats:
    x, y, right, bottom = box
    part = picture[y:bottom, x:right]
    net.setInput(cv2.dnn.blobFromImage(part, 1 / 255, (SEGMENT_SIDE, SEGMENT_SIDE), swapRB=True))
    found = np.asarray(net.forward(), np.float32).reshape(SEGMENT_SIDE, SEGMENT_SIDE)
    return np.asarray(cv2.resize(found, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def triangulate(points: Floats) -> NDArray[np.int16]:
    """Return the face's triangles (N x 3 indices, one sense of rotation): Delaunay inside the oval, unrolled."""
    flat = _unrolled(points)
    plan = cv2.Subdiv2D((-256, -256, 512, 512))
    numbers = {_key(plan, point): index for index, point in enumerate(flat.astype(float))}
    oval = flat[list(OVAL)].reshape(-1, 1, 2)
    kept = []
    for row in np.asarray(plan.getTriangleList(), np.float32).reshape(-1, 3, 2):
        corners = [numbers.get((round(float(x), 3), round(float(y), 3))) for x, y in row]
        middle = row.mean(axis=0)
        inside = cv2.pointPolygonTest(oval, (float(middle[0]), float(middle[1])), measureDist=False) > 0
        if inside and all(corner is not None for corner in corners):
            kept.append(_turned(row, corners))
    return np.array(kept, np.int16)


def _unrolled(points: Floats) -> Floats:
    """Roll the frontal face off a cylinder about the head's axis, where no part of it hides another."""
    right, left = eye_centres(points)
    frontal = (points - (right + left) / 2) @ turn(*SOURCE_POSE)
    radius = AXIS_BEHIND
    return np.column_stack([radius * np.arctan2(frontal[:, 0], radius - frontal[:, 2]), frontal[:, 1]]).astype(
        np.float32
    )


def _key(plan: cv2.Subdiv2D, point: NDArray[np.float64]) -> tuple[float, float]:
    number = plan.insert((float(point[0]), float(point[1])))
    (x, y), _ = plan.getVertex(number)
    return round(x, 3), round(y, 3)


def _turned(row: Floats, corners: list[int | None]) -> list[int | None]:
    (ax, ay), (bx, by), (cx, cy) = row
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return corners if area > 0 else corners[::-1]


def main(arguments: list[str] | None = None) -> int:
    """Compute and write the data file."""
    parser = argparse.ArgumentParser(prog="python -m firmware_mocks.head.landmarks", description=__doc__)
    parser.add_argument("models", type=Path, metavar="MODELS_FOLDER")
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args(arguments)
    points = find_landmarks(options.models)
    triangles = triangulate(points)
    matte = np.packbits(find_outline(options.models) > 0, axis=1)
    np.savez_compressed(options.out, landmarks=points, triangles=triangles, matte=matte)
    print(f"{options.out}: {len(points)} landmarks, {len(triangles)} triangles, {options.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
