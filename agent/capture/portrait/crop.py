"""The 35x45 crop for the document printer: face upright, head at a fixed share of the height, never enlarged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait.errors import TooFewPixels
from agent.capture.portrait.face import Mesh, Points
from agent.capture.portrait.settings import CROP_HEIGHT, CROP_WIDTH, EYES_FROM_TOP, HEAD_SHARE
from agent.devices.seams import Pixels

Place = Points


def crop_map(mesh: Mesh) -> NDArray[np.float64]:
    """Return the 2 x 3 map from the frame to the crop."""
    across = mesh.left_eye - mesh.right_eye
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    centre = (mesh.left_eye + mesh.right_eye) / 2
    scale = HEAD_SHARE * CROP_HEIGHT / mesh.eye_to_chin
    matrix = np.asarray(cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, scale), np.float64)
    matrix[:, 2] += np.array([CROP_WIDTH / 2, EYES_FROM_TOP * CROP_HEIGHT]) - centre
    return matrix


def share_inside(mesh: Mesh, width: int, height: int) -> float:
    """Return which share of the crop lies inside a frame of this size."""
    places = _places(mesh, 15, 19)
    inside = (places >= 0).all(axis=1) & (places[:, 0] <= width) & (places[:, 1] <= height)
    return float(inside.mean())


def beyond(mesh: Mesh, width: int, height: int) -> tuple[float, float, float, float]:
    """Return how far the crop reaches over the left, right, upper and lower edge, in its own widths and heights."""
    places = _places(mesh, 2, 2)
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    across, down = max(right - left, 1e-6), max(bottom - top, 1e-6)
    over = (-left / across, (right - width) / across, -top / down, (bottom - height) / down)
    return (max(0.0, float(over[0])), max(0.0, float(over[1])), max(0.0, float(over[2])), max(0.0, float(over[3])))


def crop_height(mesh: Mesh) -> float:
    """Return how many frame pixels high the crop's part of the frame is."""
    return mesh.eye_to_chin / HEAD_SHARE


def demand_pixels(mesh: Mesh) -> None:
    """Raise TooFewPixels when the crop could be had only by enlarging."""
    if round(crop_height(mesh)) < CROP_HEIGHT:
        raise TooFewPixels(f"{crop_height(mesh):.0f} of {CROP_HEIGHT} px")


def laid_out(pixels: Pixels, mesh: Mesh) -> Pixels:
    """Return the crop, 420 x 540 pixels; enlarged if need be, so see `demand_pixels` before giving it to anybody."""
    matrix = crop_map(mesh)
    # Sampling at less than half size would skip pixels: average them first.
    shrunk = 1 << int(np.log2(max(1.0, crop_height(mesh) / CROP_HEIGHT)))
    if shrunk > 1:
        size = (max(1, pixels.shape[1] // shrunk), max(1, pixels.shape[0] // shrunk))
        matrix[:, :2] *= np.array((pixels.shape[1] / size[0], pixels.shape[0] / size[1]))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    picture = cv2.warpAffine(
        pixels, matrix, (CROP_WIDTH, CROP_HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, np.uint8)


def outline(mesh: Mesh) -> NDArray[np.float64]:
    """Return the crop's corners in frame pixels, clockwise from the upper left one (4 x 2)."""
    return _places(mesh, 2, 2)[[0, 1, 3, 2]]


def _places(mesh: Mesh, columns: int, rows: int) -> NDArray[np.float64]:
    """Return a grid over the crop in frame pixels."""
    back = cv2.invertAffineTransform(crop_map(mesh))
    x, y = np.meshgrid(np.linspace(0, CROP_WIDTH, columns), np.linspace(0, CROP_HEIGHT, rows))
    return np.asarray(np.column_stack([x.ravel(), y.ravel()]) @ back[:, :2].T + back[:, 2], np.float64)
