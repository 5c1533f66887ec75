"""Measures of rendered subjects move as the subject does; hostile frames are measured or have no face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.capture.portrait import models
from agent.capture.portrait.alignment import SIDE, align, alignment
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.background import Background
from agent.capture.portrait.face import load_net
from agent.capture.portrait.measures import STILL_ONLY, UNASSESSED, Encoded
from agent.capture.portrait.policy import PortraitPolicy
from agent.capture.portrait.sharpness import SHARPNESS
from agent.devices.seams import Pixels
from tests.capture.portrait.faces import mesh

Picture = Callable[..., Pixels]
POLICY = PortraitPolicy()


@pytest.mark.parametrize("seed", [1, 2, 7, 16, 20])
def test_a_good_subject_passes_every_gate(analyser: Analyser, picture: Picture, seed: int) -> None:
    """The passing subject passes on the preview and on the still, with every gate measured."""
    still = analyser.still(picture("passing", seed))
    assert POLICY.failed(analyser.preview(picture("passing", seed))) == []
    assert POLICY.failed(still.analysis) == []
    assert set(POLICY.gates) <= set(still.analysis.measures)


@pytest.mark.parametrize(
    ("subject", "gate"),
    [
        ("two-faces", "single_face_present"),
        ("dark", "under_exposure_prevention"),
        ("bright", "over_exposure_prevention"),
        ("side-lit", "illumination_uniformity"),
        ("blurred", SHARPNESS),
        ("tilted", "head_pose_roll"),
        ("off-centre", "kiosk_crop_inside_frame"),
        ("near", "kiosk_crop_inside_frame"),
        ("far", "inter_eye_distance"),
        ("far", "kiosk_crop_height"),
    ],
)
def test_a_fault_fails_its_gate(analyser: Analyser, picture: Picture, subject: str, gate: str) -> None:
    """Each rendered fault is seen by the gate that is there for it."""
    assert gate in POLICY.failed(analyser.preview(picture(subject)))


def test_an_empty_scene_has_no_measures(analyser: Analyser, picture: Picture) -> None:
    """Nobody there: no face, nothing measured, no pictures."""
    still = analyser.still(picture("none"))
    assert still.analysis.faces == 0
    assert not still.analysis.has_face
    assert (still.picture, still.crop) == (Encoded(), Encoded())


def test_the_still_measures_what_the_preview_does_and_more(analyser: Analyser, picture: Picture) -> None:
    """Same frame, same values; background, crop and the words on what is not assessed come with the still only."""
    preview, still = analyser.preview(picture("passing")), analyser.still(picture("passing")).analysis
    assert {name: still.measures[name] for name in preview.measures} == preview.measures
    assert set(still.measures) - set(preview.measures) == STILL_ONLY | {one.name for one in UNASSESSED}


def test_the_still_comes_as_jpeg_of_frame_and_crop(analyser: Analyser, picture: Picture) -> None:
    """Both decode to their sizes; the frame is close to what was taken; there is no EXIF."""
    still = analyser.still(picture("passing"))
    frame, crop = (
        cv2.imdecode(np.frombuffer(one.data, np.uint8), cv2.IMREAD_COLOR) for one in (still.picture, still.crop)
    )
    assert frame is not None
    assert crop is not None
    assert (frame.shape, crop.shape) == ((720, 1280, 3), (540, 420, 3))
    assert np.abs(frame.astype(int) - picture("passing").astype(int)).mean() < 2
    assert b"Exif" not in still.picture.data + still.crop.data


def test_sharpness_falls_with_every_step_of_blur(analyser: Analyser, picture: Picture) -> None:
    """More blur, less sharpness, and the gate is crossed on the way."""
    pixels = picture("passing")
    steps = [pixels, *(np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8) for sigma in (1, 2, 3, 5))]
    values = [analyser.preview(one).native(SHARPNESS) or 0.0 for one in steps]
    assert values == sorted(values, reverse=True)
    assert POLICY.gates[SHARPNESS].holds(values[0])
    assert not POLICY.gates[SHARPNESS].holds(values[-1])


def test_roll_is_measured_in_degrees(analyser: Analyser, picture: Picture) -> None:
    """A subject rendered with 20 degrees of roll measures 20 degrees."""
    assert analyser.preview(picture("tilted")).native("head_pose_roll") == pytest.approx(20, abs=2)


def test_background_texture_is_seen(analyser: Analyser, picture: Picture) -> None:
    """Stripes on the wall raise the gradient off the person several times over."""
    plain = picture("passing")
    striped = plain.copy()
    striped[:, ::8][:, :55] = 90
    striped[:, ::8][:, 100:] = 90
    before, after = (analyser.still(one).analysis.native("background_uniformity") for one in (plain, striped))
    assert before is not None
    assert after is not None
    assert after > 2 * before


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 2000, 3), (2000, 1, 3), (40, 40, 3), (3, 5, 3), (2160, 3840, 3)], ids=str
)
@pytest.mark.parametrize("filling", ["black", "white", "noise"])
def test_hostile_frames_have_no_face(analyser: Analyser, shape: tuple[int, int, int], filling: str) -> None:
    """Frames of odd sizes, flat or noise, are judged without a face and without an error."""
    if filling == "noise":
        grey = np.random.default_rng(1).integers(0, 256, shape[:2], np.uint8)
        pixels = np.repeat(grey[..., None], 3, axis=2)
    else:
        pixels = np.full(shape, 0 if filling == "black" else 255, np.uint8)
    assert not analyser.still(pixels).analysis.has_face


@pytest.mark.parametrize("side", [40, 80, 160])
def test_tiny_faces_fail_and_never_pass(analyser: Analyser, picture: Picture, side: int) -> None:
    """A good portrait shrunk to a thumbnail does not pass: too few pixels."""
    small = cv2.resize(picture("passing")[:, 280:1000], (side, side), interpolation=cv2.INTER_AREA)
    assert POLICY.failed(analyser.still(np.asarray(small, np.uint8)).analysis)


def test_half_a_face_fails(analyser: Analyser, picture: Picture) -> None:
    """A face cut in the middle by the frame's edge is not taken."""
    half = np.ascontiguousarray(picture("passing")[:, 640:])
    assert POLICY.failed(analyser.still(half).analysis)


def test_alignment_puts_the_five_points_where_the_standard_wants_them() -> None:
    """A face built from the target points, turned and scaled, is brought back to them."""
    eyes = ((251, 272), (364, 272))
    places = {1: (308, 336), 61: (262, 402), 291: (355, 402)}
    right, left, chin = _turned(*eyes, (307, 490))
    face = mesh(right, left, chin, {index: _turned(place)[0] for index, place in places.items()})
    matrix = alignment(face)
    assert matrix is not None
    for point, target in ((face.right_eye, eyes[0]), (face.left_eye, eyes[1]), (face.at(1), places[1])):
        assert matrix[:, :2] @ point + matrix[:, 2] == pytest.approx(target, abs=0.1)


def _turned(*places: tuple[float, float]) -> list[tuple[float, float]]:
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 12, 1.7)
    return [(float(x), float(y)) for x, y in np.array(places) @ turn[:, :2].T + turn[:, 2]]


def test_a_face_that_cannot_be_aligned_is_none(picture: Picture) -> None:
    """All points in one place have no direction and no size."""
    assert align(picture("none"), mesh((5, 5), (5, 5), (5, 5))) is None


def test_the_person_is_where_the_whole_network_says(models_folder: Path, picture: Picture) -> None:
    """Our own last step of the segmentation network gives the very mask that OpenCV's gives, at twice the speed."""
    pixels = picture("passing")[90:630, 430:850]
    net = load_net(models_folder, models.SELFIE_SEGMENTATION)
    net.setInput(cv2.dnn.blobFromImage(pixels, 1 / 255, (256, 256), swapRB=True))
    whole = np.asarray(net.forward(), np.float32).reshape(256, 256)
    ours = Background(models_folder).person(pixels)
    certain = np.abs(whole - 0.5) > 1e-3
    assert np.array_equal(ours[certain], whole[certain] > 0.5)
    assert 0.2 < ours.mean() < 0.9
