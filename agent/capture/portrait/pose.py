"""Head pose by PnP on six rigid landmarks against a generic head."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait.face import Mesh

# A generic face at points that neither smile nor jaw moves (lids' corners, bridge, tip of the nose), in millimetres:
# x to the picture's right, y down, z away from the camera.
HEAD = {
    1: (0.0, 11.3, -74.8),
    168: (0.0, -32.7, -52.4),
    33: (-44.5, -26.6, -31.7),
    133: (-18.6, -25.9, -37.6),
    362: (18.6, -25.9, -37.6),
    263: (44.5, -26.6, -31.7),
}
_INDICES = list(HEAD)
_MODEL = np.array(list(HEAD.values()), np.float64)
# Most webcams see about 55 to 65 degrees across; at this range the angle changes the pose by less than a degree.
FOCAL_PER_WIDTH = 1.04


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees. Yaw is positive to the person's left, pitch positive upward, roll positive clockwise in the picture."""

    yaw: float
    pitch: float
    roll: float


def head_pose(mesh: Mesh, width: int) -> Pose | None:
    """Return the pose of a mesh in a frame of this width, or None when no pose explains it.

    It is the pose against the line of sight to the face, as a viewer of the crop sees it: somebody at the edge of the
    frame who looks into the camera looks straight.
    """
    focal = FOCAL_PER_WIDTH * width
    image = mesh.points[_INDICES, :2].astype(np.float64)
    centre = image.mean(axis=0)
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]], np.float64)
    found, turn, _ = cv2.solvePnP(_MODEL, image, camera, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP)
    return _angles(np.asarray(cv2.Rodrigues(turn)[0], np.float64)) if found else None


def _angles(rotation: NDArray[np.float64]) -> Pose:
    # The picture's axes point right, down and away from us: turned positively about them the nose goes to the
    # person's right and down, so both angles change their sign.
    yaw = np.degrees(np.arctan2(rotation[2, 0], np.hypot(rotation[2, 1], rotation[2, 2])))
    pitch = np.degrees(np.arctan2(-rotation[2, 1], rotation[2, 2]))
    roll = np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0]))
    return Pose(float(yaw), float(pitch), float(roll))
