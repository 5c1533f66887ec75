"""The 1:1 match: genuine pairs under ageing and shrinking, what is missing, and hostile pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from firmware_mocks.head import Camera, Renderer, Subject
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.capture.evidence import Check, Evidence, Verdict
from agent.capture.match import model
from agent.capture.match.chip_picture import PLACES, similarity
from agent.capture.match.errors import MatchFailed
from agent.capture.match.matching import compare, match_faces
from agent.capture.portrait import models
from agent.devices.errors import Cancelled
from agent.devices.seams import Pixels

MODELS = Path(__file__).resolve().parents[3] / "models"


@pytest.fixture(scope="module")
def models_folder() -> Path:
    """Return the folder with the landmarks' models; skip where these or the extra are missing."""
    if any(state == "missing" for _, state in models.inspect(MODELS)):
        pytest.skip("model files are not installed (kiosk models install)")
    if reason := model.missing():
        pytest.skip(reason)
    return MODELS


@pytest.fixture(scope="module")
def person() -> Callable[[Subject], Pixels]:
    """Return a function that takes a portrait of a subject."""
    renderer = Renderer(Camera())
    return lambda subject: renderer.render(subject).exposed(1)[60:700, 400:880]


def encoded(pixels: Pixels, quality: int = 90, width: int = 480, kind: str = "JPEG") -> bytes:
    """Return a picture as a chip holds it."""
    height = width * pixels.shape[0] // pixels.shape[1]
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    out = io.BytesIO()
    options = {"quality": quality} if kind == "JPEG" else {"quality_mode": "rates", "quality_layers": [30]}
    Image.fromarray(small[..., ::-1]).save(out, kind, **options)
    return out.getvalue()


def by_name(evidence: Evidence) -> dict[str, Check]:
    """Return the checks of an evidence."""
    return {check.name: check for check in evidence.checks}


def test_small_old_chip_pictures_of_the_same_person_match(
    models_folder: Path, person: Callable[[Subject], Pixels]
) -> None:
    """240 pixels of JPEG, of JPEG 2000, faded and blurred, and a tenth of that: all below dlib's own limit."""
    faded = person(Subject(cast=(1.1, 1.0, 0.75), exposure=0.8, blur_px=2, noise=6))
    pictures = [
        encoded(person(Subject()), 75, 240),
        encoded(person(Subject()), kind="JPEG2000", width=240),
        encoded(faded, 50, 240),
        encoded(person(Subject()), 40, 120),
    ]
    distances = compare([encoded(person(Subject(pitch=2))), *pictures], models_folder, Event())
    assert all(one is not None and one < 0.4 for one in distances), distances


def test_portrait_chip_and_challenge_are_judged_together(
    models_folder: Path, person: Callable[[Subject], Pixels]
) -> None:
    """Both checks pass, with score, threshold and the model's hash."""
    portrait, chip = encoded(person(Subject())), encoded(person(Subject()), 75, 240)
    evidence = match_faces(portrait, chip, [encoded(person(Subject(yaw=3)), 85, 176)], models_folder, cancelled=Event())
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    assert evidence.facts["model"].endswith(model.SHA256)
    assert evidence.facts["threshold"] == "distance 0.6"
    strict = match_faces(
        portrait, encoded(person(Subject(yaw=20))), [], models_folder, threshold=0.05, cancelled=Event()
    )
    check = by_name(strict)["chip_portrait_match"]
    assert check.verdict is Verdict.FAILED
    assert "is above 0.05" in check.reason
    assert by_name(strict)["live_face_match"].verdict is Verdict.NOT_ASSESSED


def test_a_picture_without_a_face_is_not_assessed(models_folder: Path, person: Callable[[Subject], Pixels]) -> None:
    """Nothing is made up."""
    wall = np.full((480, 360, 3), 200, np.uint8)
    evidence = match_faces(encoded(person(Subject())), encoded(wall, width=360), [], models_folder, cancelled=Event())
    check = by_name(evidence)["chip_portrait_match"]
    assert (check.verdict, check.reason) == (Verdict.NOT_ASSESSED, "no face was found in the picture")


@pytest.mark.parametrize("data", [b"x", b"\xff\xd8\xff\xe0" + bytes(50), b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_hostile_pictures_end_in_words(models_folder: Path, data: bytes) -> None:
    """The worker's error is a kind, never what was seen."""
    with pytest.raises(MatchFailed):
        compare([data, data], models_folder, Event())


def test_it_can_be_cancelled(models_folder: Path, person: Callable[[Subject], Pixels]) -> None:
    """The worker ends with it."""
    cancelled = Event()
    cancelled.set()
    picture = encoded(person(Subject()))
    with pytest.raises(Cancelled):
        compare([picture] * 6, models_folder, cancelled)


def test_without_the_extra_nothing_is_assessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names what is missing."""
    monkeypatch.setattr(model, "PACKAGES", ("no_such_package_here",))
    evidence = match_faces(b"portrait", b"chip", [], MODELS, cancelled=Event())
    assert evidence.verdict is Verdict.NOT_ASSESSED
    assert "[match] is not installed" in evidence.reason


def test_without_a_portrait_nothing_is_assessed(models_folder: Path) -> None:
    """There is nothing to compare."""
    assert match_faces(None, b"chip", [], models_folder, cancelled=Event()).verdict is Verdict.NOT_ASSESSED


@given(st.floats(-3, 3), st.floats(0.2, 9), st.floats(-500, 500), st.floats(-500, 500))
def test_the_alignment_undoes_any_turn_scale_and_shift(turn: float, scale: float, x: float, y: float) -> None:
    """Exactly, for points that are such a picture of the mean face."""
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    source = PLACES @ matrix.T + [x, y]
    found = similarity(source, PLACES)
    assert np.allclose(source @ found[:, :2].T + found[:, 2], PLACES, atol=1e-9)
