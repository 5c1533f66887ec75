"""The whole way of a portrait: camera on the wire, camera worker, vision worker, evidence."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from firmware_mocks.camera import CameraMock

from agent.capture.evidence import Evidence, Guidance, Verdict
from agent.capture.portrait import PortraitPolicy, VisionWorker, capture_portrait
from agent.devices.camera import Camera
from agent.devices.errors import CameraFrozen

POLICY = PortraitPolicy(hold_s=0.5)


@pytest.fixture(scope="module")
def mock() -> Iterator[CameraMock]:
    """Return one camera on the wire for all tests."""
    with CameraMock() as running:
        yield running


@pytest.fixture(scope="module")
def kiosk(mock: CameraMock, models_folder: Path) -> Iterator[tuple[Camera, VisionWorker]]:
    """Return the agent's two workers."""
    with Camera(mock.url, development=True, frozen_s=1.0) as camera, VisionWorker(models_folder) as vision:
        camera.newest(0, time.monotonic() + 60, Event())
        yield camera, vision


def _take(kiosk: tuple[Camera, VisionWorker], within_s: float, on: dict[str, object] | None = None) -> Evidence:
    """Take a portrait; `on` maps what is said to what happens then."""

    def guide(guidance: Guidance) -> None:
        action = (on or {}).pop(guidance.code, None)
        if callable(action):
            action()

    camera, vision = kiosk
    deadline = time.monotonic() + within_s
    return capture_portrait(camera, vision, POLICY, guide, deadline=deadline, cancelled=Event())


def test_a_person_who_comes_is_taken(mock: CameraMock, kiosk: tuple[Camera, VisionWorker]) -> None:
    """Nobody, then somebody too dark, then a good subject: each is answered, and the portrait passes."""
    mock.thaw()
    mock.show("none")
    steps: dict[str, object] = {
        "portrait.no_face": lambda: mock.show("dark", 4),
        "portrait.too_dark": lambda: mock.show("passing", 4),
    }
    assert _take(kiosk, 60, steps).verdict is Verdict.PASSED
    assert steps == {}


def test_a_camera_that_freezes_in_the_middle_is_bridged(mock: CameraMock, kiosk: tuple[Camera, VisionWorker]) -> None:
    """The person is told to wait, the worker is replaced, and the portrait is taken after all."""
    mock.show("dark")

    def help_it() -> None:
        mock.thaw()
        mock.show("passing")

    steps: dict[str, object] = {
        "portrait.too_dark": mock.freeze,
        "portrait.camera_recovering": help_it,
    }
    assert _take(kiosk, 60, steps).verdict is Verdict.PASSED
    assert steps == {}


def test_a_camera_that_stays_frozen_is_its_own_error(mock: CameraMock, kiosk: tuple[Camera, VisionWorker]) -> None:
    """Not "no face": the camera is named."""
    mock.freeze()
    with pytest.raises(CameraFrozen):
        _take(kiosk, 1.3)
    mock.thaw()


def test_both_workers_killed_in_the_middle_cost_nothing_but_time(
    mock: CameraMock, kiosk: tuple[Camera, VisionWorker]
) -> None:
    """A kill -9 of both: the portrait is taken by their successors."""
    mock.thaw()
    mock.show("dark")

    def kill() -> None:
        for worker in (kiosk[0].worker_pid, kiosk[1].pid):
            if worker is not None:
                os.kill(worker, signal.SIGKILL)
        mock.show("passing")

    assert _take(kiosk, 60, {"portrait.too_dark": kill}).verdict is Verdict.PASSED
