"""Rendered subjects and the model files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from firmware_mocks.camera.film import film

from agent.capture.portrait import VisionWorker, models
from agent.capture.portrait.analyser import Analyser
from agent.devices.seams import Pixels

MODELS = Path(__file__).resolve().parents[3] / "models"
WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Return the folder with the model files, or skip."""
    missing = [model.name for model, state in models.inspect(MODELS) if state not in {"ok", "not installed"}]
    if missing:
        pytest.skip(f"model files are not installed (kiosk models install): {', '.join(missing)}")
    return MODELS


@pytest.fixture(scope="session")
def analyser(models_folder: Path) -> Analyser:
    """Return the judgement, in this process and on one thread."""
    cv2.setNumThreads(1)
    return Analyser(models_folder)


@pytest.fixture(scope="session")
def vision(models_folder: Path) -> Iterator[VisionWorker]:
    """Return one vision worker for all tests that leave it as it was."""
    with VisionWorker(models_folder) as worker:
        worker.preview(np.zeros((9, 9, 3), np.uint8), time.monotonic() + 60, Event())  # it is up from here on
        yield worker


@cache
def picture(subject: str, seed: int = 1) -> Pixels:
    """Return a frame of a rendered subject as a camera gives it: with noise, through JPEG."""
    jpeg = film(subject, seed, WIDTH, HEIGHT)[0]
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture(name="picture", scope="session")
def picture_fixture() -> object:
    """Give tests the function above."""
    return picture
