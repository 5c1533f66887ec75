"""Rendered presentations, and a person before a camera on the wire who does as asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from firmware_mocks.camera.server import CameraServer
from firmware_mocks.head import Camera, Renderer, Subject

from agent.capture.liveness.challenge import Turn
from agent.capture.liveness.sampling import glimpse
from agent.capture.liveness.series import Glimpse
from agent.capture.portrait import VisionWorker, models
from agent.capture.portrait.face import FaceFinder

MODELS = Path(__file__).resolve().parents[3] / "models"
SIZE = (640, 360)
POSES = {Turn.LEFT: (27.0, 0.0), Turn.RIGHT: (-27.0, 0.0), Turn.UP: (0.0, 24.0)}
STEP_DEG = 4.0


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Return the folder with the model files, or skip."""
    missing = [model.name for model, state in models.inspect(MODELS) if state not in {"ok", "not installed"}]
    if missing:
        pytest.skip(f"model files are not installed (kiosk models install): {', '.join(missing)}")
    return MODELS


@pytest.fixture(scope="session")
def finder(models_folder: Path) -> FaceFinder:
    """Return the landmarks' networks on one thread."""
    cv2.setNumThreads(1)
    return FaceFinder(models_folder)


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """Return one renderer, so that poses are shared."""
    return Renderer(Camera(*SIZE))


@pytest.fixture(scope="session")
def look(finder: FaceFinder, renderer: Renderer) -> object:
    """Return a function from a subject to what liveness measures of it."""

    @cache
    def looked(subject: Subject, frame: int = 0) -> Glimpse:
        return glimpse(finder, renderer.render(subject).exposed(frame))

    return looked


class LivingCamera(CameraServer):
    """An MJPEG camera before which somebody stands; each picture is rendered when it is sent."""

    def __init__(self, person: Subject | None = None, size: tuple[int, int] = SIZE) -> None:
        self.person = person or Subject(identity=2)
        self.turn: Turn | None = None
        self.obeys = True
        self.light = (0.0, 0.0, 0.0)
        self._renderer = Renderer(Camera(*size))
        self._yaw = self._pitch = 0.0
        # The first picture makes all textures, which takes longer than a camera may be silent.
        self.frame(0)
        super().__init__(0, "none", 1, size, 20.0)

    def frame(self, number: int) -> bytes:
        """Return the next picture: the head goes a few degrees on its way."""
        yaw, pitch = POSES[self.turn] if self.turn is not None and self.obeys else (0.0, 0.0)
        self._yaw += float(np.clip(yaw - self._yaw, -STEP_DEG, STEP_DEG))
        self._pitch += float(np.clip(pitch - self._pitch, -STEP_DEG, STEP_DEG))
        now = replace(self.person, yaw=self._yaw, pitch=self._pitch, flash=self.light)
        return self._renderer.render(now).jpeg(number)


@pytest.fixture
def living(models_folder: Path) -> Iterator[LivingCamera]:
    """Return a person before a camera on the wire."""
    with LivingCamera() as server:
        thread = Thread(target=server.serve_forever, name="camera", kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture(scope="session")
def vision(models_folder: Path) -> Iterator[VisionWorker]:
    """Return one vision worker."""
    with VisionWorker(models_folder) as worker:
        yield worker
