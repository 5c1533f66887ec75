"""The whole way of a rendered head: camera on the wire, worker, vision, evidence."""

from __future__ import annotations

import time
from threading import Event

from firmware_mocks.camera import CameraMock

from agent.capture.evidence import Verdict
from agent.capture.portrait import PortraitPolicy, VisionWorker, capture_portrait
from agent.devices.camera import Camera

LONG_S = 60.0


def test_a_rendered_head_becomes_a_passed_portrait(vision: VisionWorker) -> None:
    """By all gates in force, over HTTP; turned away it is told so until it looks straight."""
    said: list[str] = []
    with CameraMock("head,yaw=20") as mock, Camera(mock.url, development=True) as camera:

        def turned_back(code: str) -> None:
            said.append(code)
            if code == "portrait.look_straight":
                mock.show("head")

        evidence = capture_portrait(
            camera,
            vision,
            PortraitPolicy(hold_s=0.3),
            lambda guidance: turned_back(guidance.code),
            deadline=time.monotonic() + LONG_S,
            cancelled=Event(),
        )
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    assert said[0] == "portrait.look_straight"


def test_a_camera_with_more_pixels_gives_the_still_in_all_of_them(vision: VisionWorker) -> None:
    """1920x1080 on the wire, 1280x720 shown and guided by; the crop is made from the larger one."""
    with CameraMock("head", size=(1920, 1080), fps=15) as mock, Camera(mock.url, development=True) as camera:
        evidence = capture_portrait(
            camera,
            vision,
            PortraitPolicy(hold_s=0.3),
            lambda _: None,
            deadline=time.monotonic() + LONG_S,
            cancelled=Event(),
        )
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    assert evidence.facts["still mode"] == "the camera's largest"
    assert evidence.facts["still"].startswith("1920x1080")
    height = next(check.native for check in evidence.checks if check.name == "kiosk_crop_height")
    assert height is not None
    assert height > 750
