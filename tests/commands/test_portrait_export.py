"""`kiosk portrait export`: from a still to each format, and from a record back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from firmware_mocks.camera.film import film
from typer.testing import CliRunner, Result

from agent.capture.portrait import models
from agent.capture.portrait.face_block import read_face_block
from agent.capture.portrait.face_record import Encoding, Processing, read_face_record
from agent.cli import app

MODELS = Path(__file__).resolve().parents[2] / "models"
CROPPED = Processing.ROTATED | Processing.CROPPED | Processing.DOWN_SAMPLED

pytestmark = pytest.mark.skipif(
    any(state == "missing" for _, state in models.inspect(MODELS)),
    reason="model files are not installed (kiosk models install)",
)


@pytest.fixture(name="still", scope="module")
def still_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a still of a camera."""
    path = tmp_path_factory.mktemp("still") / "still.jpg"
    path.write_bytes(film("passing", 1, 1280, 720)[0])
    return path


def _export(out: Path, *arguments: object) -> Result:
    environment = {"KIOSK_MODELS": str(MODELS), "COLUMNS": "200"}
    return CliRunner().invoke(
        app, ["portrait", "export", *map(str, arguments), "--out", str(out), "--json"], env=environment
    )


def _shape(data: bytes) -> tuple[int, ...]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return tuple(pixels.shape)


@pytest.mark.parametrize(("kind", "start"), [("jpg", b"\xff\xd8\xff"), ("jp2", b"\0\0\0\x0cjP  ")])
def test_a_bare_picture_of_35x45_is_written(still: Path, tmp_path: Path, kind: str, start: bytes) -> None:
    """The crop, below the size limit."""
    done = _export(tmp_path, still, "--format", kind, "--most-bytes", 60_000)
    assert done.exit_code == 0, done.output
    (told,) = (json.loads(line) for line in done.stdout.splitlines())
    data = Path(told["written"]).read_bytes()
    assert data.startswith(start)
    assert len(data) == told["size_bytes"] <= 60_000
    assert (_shape(data), told["size"]) == ((540, 420, 3), "420x540")


@pytest.mark.parametrize(
    ("options", "encoding"), [((), Encoding.JPEG), (("--jpeg2000",), Encoding.JPEG_2000_LOSSY)], ids=["jpeg", "jp2"]
)
def test_both_face_records_hold_the_crop(
    still: Path, tmp_path: Path, options: tuple[str, ...], encoding: Encoding
) -> None:
    """With size, encoding and what was done to the picture."""
    assert _export(tmp_path, still, "--format", "19794-5", *options).exit_code == 0
    assert _export(tmp_path, still, "--format", "39794-5", *options).exit_code == 0
    (old,) = read_face_record((tmp_path / "still.fac").read_bytes())
    (new,) = read_face_block((tmp_path / "still.39794-5").read_bytes())
    for image in (old, new):
        assert (image.width, image.height, image.encoding, image.processing) == (420, 540, encoding, CROPPED)
        assert _shape(image.data) == (540, 420, 3)
    assert old.level == 2  # 240 to 300 pixels across the head


def test_a_record_of_another_system_becomes_a_picture(still: Path, tmp_path: Path) -> None:
    """Its picture is taken as it is, not cut again."""
    _export(tmp_path, still, "--format", "39794-5")
    done = _export(tmp_path / "again", tmp_path / "still.39794-5", "--format", "jp2")
    assert done.exit_code == 0, done.output
    assert _shape((tmp_path / "again" / "still.jp2").read_bytes()) == (540, 420, 3)


def test_nothing_is_overwritten_and_the_rest_is_done(still: Path, tmp_path: Path) -> None:
    """A file that is there stays; a picture without a face and one that is none are told; exit code 1."""
    (tmp_path / "still.jpg").write_bytes(b"before")
    (tmp_path / "text.txt").write_text("no picture")
    far = tmp_path / "far.jpg"
    far.write_bytes(film("far", 1, 1280, 720)[0])
    done = _export(tmp_path, still, tmp_path / "text.txt", far, "--format", "jpg")
    assert done.exit_code == 1
    codes = [json.loads(line)["error"]["code"] for line in done.stdout.splitlines()]
    assert codes == ["portrait.picture_not_written", "portrait.picture_unreadable", "portrait.too_few_pixels"]
    assert (tmp_path / "still.jpg").read_bytes() == b"before"


def test_an_unknown_format_is_a_usage_error(still: Path, tmp_path: Path) -> None:
    """Exit code 2, as for any wrong option."""
    assert _export(tmp_path, still, "--format", "bmp").exit_code == 2
