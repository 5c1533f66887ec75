"""Geometry of the face in the frame: size, pose, lids and lips, other faces (ISO/IEC 29794-5, 7.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agent.capture.portrait import formulas
from agent.capture.portrait.face import INNER_LIPS, LEFT_LIDS, RIGHT_LIDS, Box, Mesh
from agent.capture.portrait.measures import Measure
from agent.capture.portrait.pose import Pose


def measure_geometry(mesh: Mesh, pose: Pose | None, boxes: Sequence[Box]) -> list[Measure]:
    """Return inter-eye distance, pose, eyes, mouth and single face. `boxes` has the measured face first."""
    eyes = min(_gap(mesh, RIGHT_LIDS), _gap(mesh, LEFT_LIDS))
    mouth = _gap(mesh, INNER_LIPS)
    second = boxes[1].area / boxes[0].area if len(boxes) > 1 else 0.0
    return [
        *_measure_pose(mesh, pose),
        Measure("eyes_open", eyes, "of T", formulas.eyes_open(eyes)),
        Measure("mouth_closed", mouth, "of T", formulas.mouth_closed(mouth)),
        Measure("single_face_present", second, "area ratio", formulas.single_face(second)),
    ]


def _measure_pose(mesh: Mesh, pose: Pose | None) -> list[Measure]:
    if pose is None:
        names = ("inter_eye_distance", "head_pose_yaw", "head_pose_pitch", "head_pose_roll")
        return [Measure(name, None, reason="no pose explains the landmarks") for name in names]
    # Turned by 78 degrees or more there is no second eye, and a division would only make numbers up.
    distance = mesh.inter_eye_distance / max(0.2, math.cos(math.radians(pose.yaw)))
    return [
        Measure("inter_eye_distance", distance, "px", formulas.inter_eye_distance(distance)),
        Measure("head_pose_yaw", pose.yaw, "deg", formulas.angle(pose.yaw)),
        Measure("head_pose_pitch", pose.pitch, "deg", formulas.angle(pose.pitch)),
        Measure("head_pose_roll", pose.roll, "deg", formulas.angle(pose.roll)),
    ]


def _gap(mesh: Mesh, pairs: Sequence[tuple[int, int]]) -> float:
    """Return the largest distance of the pairs, in eye-to-chin distances."""
    return max(float(np.linalg.norm(mesh.at(a) - mesh.at(b))) for a, b in pairs) / mesh.eye_to_chin
