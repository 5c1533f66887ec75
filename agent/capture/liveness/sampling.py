"""From a frame to what liveness needs of it: landmarks, the light on the skin, the surroundings, a small picture."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from agent.capture.liveness.series import Floats, Glimpse
from agent.capture.liveness.skin import SKIN
from agent.capture.portrait.face import Box, FaceFinder, Mesh
from agent.devices.seams import Pixels

# The face is shrunk until its eyes are so far apart: each value is then the mean over some ten degrees of skin.
EYES_PX = 18.0
GRID = (32, 18)
PICTURE_SIDE, PICTURE_MARGIN, PICTURE_QUALITY = 176, 1.35, 85
_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)


def glimpse(finder: FaceFinder, pixels: Pixels) -> Glimpse:
    """Measure a BGR frame; without a face there are only its surroundings."""
    boxes = finder.faces(pixels)
    mesh = finder.mesh(pixels, boxes[0]) if boxes else None
    around = np.asarray(cv2.cvtColor(cv2.resize(pixels[::2], GRID, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY))
    # A quarter of the rows: noise makes these differ as surely as all of them.
    digest = hashlib.blake2b(np.ascontiguousarray(pixels[::4]).data, digest_size=8).hexdigest()
    if mesh is None:
        return Glimpse(0, surround=around.astype(np.float64), digest=digest)
    points = mesh.points.astype(np.float64)
    return Glimpse(
        len(boxes), points, skin_light(pixels, mesh), around.astype(np.float64), digest, _small(pixels, boxes[0])
    )


def skin_light(pixels: Pixels, mesh: Mesh) -> Floats:
    """Return the linear light at the SKIN landmarks, red green blue, each smoothed over its neighbourhood."""
    at = mesh.points[list(SKIN), :2]
    height, width = pixels.shape[:2]
    low = np.clip(np.floor(at.min(axis=0)).astype(int) - 8, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + 8, low + 1, [width, height])
    light = _LINEAR[pixels[low[1] : high[1], low[0] : high[0]]]
    scale = min(1.0, EYES_PX / mesh.inter_eye_distance)
    size = [max(2, round(float(side) * scale)) for side in high - low]
    small = cv2.GaussianBlur(cv2.resize(light, size, interpolation=cv2.INTER_AREA), (0, 0), 0.8)
    spots = ((at - low + 0.5) * (np.array(size) / (high - low)) - 0.5).astype(np.float32)
    found = cv2.remap(small, spots[:, 0], spots[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float64).reshape(-1, 3)[:, ::-1]


def _small(pixels: Pixels, box: Box) -> bytes:
    """Return the face as a small JPEG, for people and for the match with the chip."""
    side = max(box.width, box.height) * PICTURE_MARGIN
    scale = min(1.0, PICTURE_SIDE / side)
    centre = (box.x + box.width / 2, box.y + box.height / 2)
    matrix = np.array([[scale, 0, 0], [0, scale, 0]], np.float64)
    length = max(2, round(side * scale))
    matrix[:, 2] = length / 2 - scale * np.array(centre)
    small = cv2.warpAffine(pixels, matrix, (length, length), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    ok, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    return data.tobytes() if ok else b""
