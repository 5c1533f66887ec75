"""Background uniformity: the mean gradient off the person (ISO/IEC 29794-5, 7.3.2)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.portrait import formulas
from agent.capture.portrait.face import load_net
from agent.capture.portrait.measures import Measure
from agent.capture.portrait.models import SELFIE_SEGMENTATION
from agent.devices.seams import Pixels

NET_SIDE = 256
# The mask's edge is soft: keep clear of it.
MARGIN = 9
# The pinned model's last two steps: a transposed convolution (2 x 2, stride 2) of 16 channels, and a sigmoid.
_BEFORE_LAST, _LAST = "add_13__xeno_compat__1", "segment"
_STRIDE = 2


class Background:
    """Separates the person with the segmentation model. Not for use by several threads at once."""

    def __init__(self, models: Path) -> None:
        self._net = load_net(models, SELFIE_SEGMENTATION)
        weights, bias = self._net.getLayer(_LAST).blobs
        self._weights = np.asarray(weights, np.float32).reshape(weights.shape[0], _STRIDE * _STRIDE).T.copy()
        self._bias = float(bias.item())

    def person(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Return where the person is (chance above a half) in a BGR picture, as 256 x 256."""
        self._net.setInput(cv2.dnn.blobFromImage(pixels, 1 / 255, (NET_SIDE, NET_SIDE), swapRB=True))
        # OpenCV takes as long for the last step as for the whole rest; as one small product it is nothing. A
        # chance above a half is a value above 0 before the sigmoid.
        found = np.asarray(self._net.forward(_BEFORE_LAST), np.float32)
        side = NET_SIDE // _STRIDE
        channels = found.reshape(self._weights.shape[1], side * side)
        quarters = np.einsum("qc,cp->qp", self._weights, channels) + self._bias
        grid = quarters.reshape(_STRIDE, _STRIDE, side, side).transpose(2, 0, 3, 1)
        return np.asarray(grid.reshape(NET_SIDE, NET_SIDE) > 0, np.bool_)

    def measure(self, pixels: Pixels) -> Measure:
        """Return the background measure of a 35x45 crop or a frame (BGR)."""
        mask = (~self.person(pixels)).astype(np.uint8)
        clear = cv2.erode(mask, np.ones((MARGIN, MARGIN), np.uint8), borderValue=1)
        if not clear.any():
            return Measure("background_uniformity", None, reason="no background is visible")
        grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (NET_SIDE, NET_SIDE), interpolation=cv2.INTER_AREA)
        across, down = (np.asarray(cv2.Sobel(grey, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1)))
        # By NumPy: the last digits of cv2.magnitude and cv2.mean depend on where in memory a picture lies.
        gradient = float(np.sqrt(across * across + down * down)[clear > 0].mean(dtype=np.float64))
        return Measure("background_uniformity", gradient, "grey/px", formulas.background_uniformity(gradient))
