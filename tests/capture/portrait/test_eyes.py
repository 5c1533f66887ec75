"""The eyes: lids, glare and red pupils painted into a rendered face."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from agent.capture.portrait.alignment import AlignedFace
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.eyes import CONTRAST, GLARE, RED, measure_eyes
from agent.capture.portrait.face import LEFT_EYE_RING, RIGHT_EYE_RING, Mesh, Points
from agent.capture.portrait.policy import DEFAULT_GATES
from agent.devices.seams import Pixels
from tests.capture.portrait.faces import mesh

Picture = Callable[..., Pixels]
RINGS = (RIGHT_EYE_RING, LEFT_EYE_RING)


def _mesh(analyser: Analyser, pixels: Pixels) -> Mesh:
    found = analyser.inspect(pixels).mesh
    assert found is not None
    return found


def _native(analyser: Analyser, pixels: Pixels, name: str) -> float:
    value = analyser.preview(pixels).native(name)
    assert value is not None
    return value


def _holds(analyser: Analyser, pixels: Pixels, name: str) -> bool:
    return DEFAULT_GATES[name].holds(_native(analyser, pixels, name))


def closed(pixels: Pixels, landmarks: Points, rings: tuple[tuple[int, ...], ...] = RINGS) -> Pixels:
    """Paint lids over the eyes: the skin around, and a line of lashes along the lower edge."""
    for ring in rings:
        eye = landmarks[list(ring), :2]
        wide = eye.mean(axis=0) + (eye - eye.mean(axis=0)) * (1.15, 1.6)
        mask = np.zeros(pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [wide.astype(np.int32)], (255,))
        pixels = np.asarray(cv2.inpaint(pixels, mask, 5, cv2.INPAINT_TELEA), np.uint8)
        lashes = np.vstack([eye[8:], eye[:1]]).astype(np.int32)
        cv2.polylines(pixels, [lashes], False, (40, 40, 60), 2, cv2.LINE_AA)
    return pixels


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("tone", [1.0, 0.7, 0.45], ids=lambda tone: f"tone {tone}")
@pytest.mark.parametrize("rings", [RINGS, RINGS[:1], RINGS[1:]], ids=["both", "right", "left"])
def test_closed_eyes_are_seen_whatever_the_skin(
    analyser: Analyser, picture: Picture, seed: int, tone: float, rings: tuple[tuple[int, ...], ...]
) -> None:
    """Open eyes pass and closed ones fail, one or both, on light and on dark skin."""
    pixels = (picture("passing", seed) * tone).astype(np.uint8)
    landmarks = _mesh(analyser, pixels).points
    assert _holds(analyser, pixels, CONTRAST)
    assert not _holds(analyser, closed(pixels, landmarks, rings), CONTRAST)


def test_open_eyes_in_side_light_are_open(analyser: Analyser, picture: Picture) -> None:
    """Each eye is held against its own cheek, so an eye in the shade is not a closed one."""
    assert _holds(analyser, picture("side-lit"), CONTRAST)


def test_glare_grows_with_the_reflection_and_crosses_its_gate(analyser: Analyser, picture: Picture) -> None:
    """A window's reflection on a lens, larger and larger."""
    plain = picture("passing")
    face = _mesh(analyser, plain)
    values = []
    for size in (0.0, 0.05, 0.1, 0.2):
        pixels = plain.copy()
        x, y = np.rint(face.right_eye + np.array((0.1, -0.06)) * face.inter_eye_distance).astype(int)
        half = round(size * face.inter_eye_distance)
        if half:
            cv2.ellipse(pixels, (int(x), int(y)), (half, half // 2), 20, 0, 360, (255, 255, 255), cv2.FILLED)
        values.append(_native(analyser, pixels, GLARE))
    assert values == sorted(values)
    assert DEFAULT_GATES[GLARE].holds(values[0])
    assert not DEFAULT_GATES[GLARE].holds(values[-1])


def test_a_red_pupil_is_seen_and_red_light_alone_is_not(analyser: Analyser, picture: Picture) -> None:
    """Red discs in both pupils fail; a warm cast over the whole picture does not."""
    plain = picture("passing")
    face = _mesh(analyser, plain)
    red = plain.copy()
    for eye in (face.right_eye, face.left_eye):
        x, y = np.rint(eye).astype(int)
        cv2.circle(red, (int(x), int(y)), round(0.06 * face.inter_eye_distance), (30, 25, 200), cv2.FILLED)
    warm = np.clip(plain * np.array([0.85, 1.0, 1.1]), 0, 255).astype(np.uint8)
    assert _holds(analyser, plain, RED)
    assert _holds(analyser, warm, RED)
    assert not _holds(analyser, red, RED)


@pytest.mark.parametrize("offset", [500.0, -500.0, 1e6])
def test_eyes_outside_the_picture_are_not_assessed(offset: float) -> None:
    """No value is made up for an eye that is not there."""
    away = AlignedFace(
        np.full((99, 99, 3), 90, np.uint8), np.full((99, 99), 255, np.uint8), mesh().points[:, :2] + np.float32(offset)
    )
    for measure in measure_eyes(away):
        assert measure.native is None
        assert measure.reason
