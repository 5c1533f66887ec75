"""A second detector looks at the still for other people, where a deployer has installed YuNet.

The first one sees the frame at 128 pixels and misses a small face far behind; this one sees it at 320. It only ever
finds more: what the first one saw stays.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from agent.capture.portrait.errors import ModelMissing
from agent.capture.portrait.models import YUNET, load_model
from agent.devices.seams import Pixels

SIDE = 320
MIN_SCORE, OVERLAP, MOST_FACES = 0.7, 0.3, 50


class SecondLook:
    """YuNet from a models folder, or nothing when it is not installed. Raises ModelWrong.

    Not for use by several threads at once.
    """

    def __init__(self, models: Path) -> None:
        self._detector: cv2.FaceDetectorYN | None = None
        try:
            data = load_model(models, YUNET)
        except ModelMissing:
            return
        buffers = (np.frombuffer(data, np.uint8), np.empty(0, np.uint8))
        self._detector = cv2.FaceDetectorYN.create("onnx", *buffers, (SIDE, SIDE), MIN_SCORE, OVERLAP, MOST_FACES)

    def second_face(self, pixels: Pixels) -> float:
        """Return the area of the second largest face over the largest one's; 0 without one, and without the model."""
        if self._detector is None:
            return 0.0
        scale = SIDE / max(pixels.shape[:2])
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        self._detector.setInputSize(size)
        found = self._detector.detect(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))[1]
        if found is None or len(found) < 2:
            return 0.0
        areas = np.sort(np.asarray(found[:, 2] * found[:, 3], np.float64))
        return float(areas[-2] / areas[-1]) if areas[-1] > 0 else 0.0
