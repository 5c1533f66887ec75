"""A rendered head before the camera: by name, with its options, on the wire."""

from __future__ import annotations

import urllib.request

import cv2
import numpy as np
import pytest
from firmware_mocks.camera import CameraError, CameraMock
from firmware_mocks.camera.film import film
from firmware_mocks.camera.heads import described
from firmware_mocks.head import Skin, Subject, Wall

SIZE = (320, 180)


def test_the_options_are_the_subjects_own_fields() -> None:
    """Numbers, several numbers, choices, yes or no."""
    found = described("head,yaw=20,offset_mm=10:-5,skin=dark,wall=second-person,glasses=yes,jpeg=80", 3)
    expected = Subject(
        yaw=20,
        distance_mm=640,
        offset_mm=(10, -5),
        identity=2,
        strength=0.5,
        skin=Skin.DARK,
        wall=Wall.SECOND_PERSON,
        glasses=True,
        jpeg=80,
    )
    assert found == expected


@pytest.mark.parametrize(
    "subject", ["head,nose=2", "head,yaw=far", "head,yaw=90", "head,skin=green", "head,cast=1:2", "head,glasses=1"]
)
def test_what_a_head_does_not_have_is_refused(subject: str) -> None:
    """With the name of the key."""
    with pytest.raises(ValueError, match=subject.split(",")[1].split("=", maxsplit=1)[0]):
        described(subject, 1)


def test_frames_of_a_head_differ_by_their_noise_only() -> None:
    """A camera that repeats its picture would count as frozen."""
    frames = film("head", 1, *SIZE)
    assert len(set(frames)) == len(frames) > 1
    first, second = (cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in frames[:2])
    assert first is not None
    assert second is not None
    assert cv2.PSNR(first, second) > 30


def test_a_head_is_shown_from_the_first_picture_on_and_changed_at_run_time() -> None:
    """It is rendered before the camera says that it is ready."""
    with CameraMock("head,yaw=10", size=SIZE) as camera, urllib.request.urlopen(camera.url, timeout=30) as stream:  # noqa: S310 # our own, on 127.0.0.1
        begun = stream.read(20_000)
        assert b"\xff\xd8\xff" in begun
        camera.show("head,eyes_closed=1")
        with pytest.raises(CameraError, match="nose"):
            camera.show("head,nose=1")
