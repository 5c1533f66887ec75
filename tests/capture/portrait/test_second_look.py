"""The optional second detector: finds more people on the still, never fewer, and is in the record when it is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.capture.portrait import ModelWrong, VisionWorker, models
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.models import YUNET
from agent.capture.portrait.second_look import SecondLook
from agent.devices.seams import Pixels
from tests.capture.portrait.analyses import analysis

Picture = Callable[..., Pixels]
SHARED = Path(__file__).resolve().parents[4] / "shared" / "models" / YUNET.name


@pytest.fixture(name="with_yunet", scope="module")
def with_yunet_fixture(models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a models folder with YuNet, or skip."""
    if not SHARED.exists():
        pytest.skip("YuNet's file is not there")
    folder = tmp_path_factory.mktemp("models")
    for model in models.MODELS:
        shutil.copy(models_folder / model.name, folder)
    shutil.copy(SHARED, folder)
    return folder


def test_without_the_model_nobody_else_is_seen(models_folder: Path, tmp_path: Path, picture: Picture) -> None:
    """It is optional: the first detector's word stands."""
    assert SecondLook(tmp_path).second_face(picture("two-faces")) == 0


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    """Never used, never ignored."""
    (tmp_path / YUNET.name).write_bytes(b"something else")
    with pytest.raises(ModelWrong):
        SecondLook(tmp_path)


def test_one_person_is_one_and_two_are_two(with_yunet: Path, picture: Picture) -> None:
    """And nobody is nobody."""
    look = SecondLook(with_yunet)
    assert look.second_face(picture("two-faces")) > 0.5
    for subject in ("passing", "none"):
        assert look.second_face(picture(subject)) == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 40, 3), (9, 2000, 3), (3000, 4000, 3)], ids=str)
def test_pictures_of_any_shape_are_looked_at(with_yunet: Path, shape: tuple[int, ...]) -> None:
    """No face, no error."""
    assert SecondLook(with_yunet).second_face(np.zeros(shape, np.uint8)) == 0


def test_what_it_sees_more_counts_and_what_it_sees_less_does_not(with_yunet: Path, picture: Picture) -> None:
    """The larger of both shares is the measure."""
    analyser, pixels = Analyser(with_yunet), picture("two-faces")
    (more,) = analyser._others(pixels, analysis(single_face_present=0.0))
    assert more.native is not None
    assert more.native > 0.5
    assert analyser._others(pixels, analysis(single_face_present=1.0)) == []


def test_the_record_names_it_only_when_it_is_used(with_yunet: Path, models_folder: Path) -> None:
    """By its hash, beside the others."""
    with VisionWorker(with_yunet) as worker:
        assert worker.model_hashes[YUNET.name] == YUNET.sha256
    if not models.installed(models_folder, YUNET):
        with VisionWorker(models_folder) as worker:
            assert YUNET.name not in worker.model_hashes
