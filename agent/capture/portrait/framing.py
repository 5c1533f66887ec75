"""Head size and margins of the 35x45 crop (ISO/IEC 29794-5, 7.4); reported, since the crop is laid out by us."""

from __future__ import annotations

import numpy as np

from agent.capture.portrait import crop, formulas
from agent.capture.portrait.face import Mesh
from agent.capture.portrait.measures import Measure
from agent.capture.portrait.settings import CROP_HEIGHT, CROP_WIDTH


def measure_crop(mesh: Mesh) -> list[Measure]:
    """Return the measures of the crop that a mesh (in frame pixels) gives."""
    matrix = crop.crop_map(mesh)
    right = matrix[:, :2] @ mesh.right_eye + matrix[:, 2]
    left = matrix[:, :2] @ mesh.left_eye + matrix[:, 2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    return measure_placing(right, left, mesh.eye_to_chin * scale, CROP_WIDTH, CROP_HEIGHT)


def measure_placing(
    right_eye: crop.Place, left_eye: crop.Place, eye_to_chin: float, width: float, height: float
) -> list[Measure]:
    """Return head size and margins of a picture from the eyes' centres, T (eye midpoint to chin) and its size."""
    apart = float(np.linalg.norm(left_eye - right_eye))
    eye_y = float(right_eye[1] + left_eye[1]) / 2
    size = abs(eye_to_chin / height - 0.45)
    leftward, rightward = float(right_eye[0]) / apart, (width - float(left_eye[0])) / apart
    above, below = eye_y / eye_to_chin, (height - eye_y) / eye_to_chin
    return [
        Measure("head_size", size, "off 0.45 of H", formulas.head_size(size)),
        Measure("leftward_crop_of_the_face_image", leftward, "of IED", formulas.side_margin(leftward)),
        Measure("rightward_crop_of_the_face_image", rightward, "of IED", formulas.side_margin(rightward)),
        Measure("margin_above_of_the_face_image", above, "of T", formulas.margin_above(above)),
        Measure("margin_below_of_the_face_image", below, "of T", formulas.margin_below(below)),
    ]
