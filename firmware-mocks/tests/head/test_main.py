"""The command line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from firmware_mocks.head import Camera, Renderer
from firmware_mocks.head.__main__ import main
from firmware_mocks.head.sheet import contact_sheet


def test_picture_is_written_and_its_truth_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file has the asked size, the printed truth the asked pose."""
    out = tmp_path / "turned.png"
    options = ["--yaw", "20", "--skin", "brown", "--flash", "0", "0.2", "0", "--glasses"]
    assert main(["--out", str(out), "--size", "320x180", *options]) == 0
    assert np.asarray(cv2.imread(str(out))).shape == (180, 320, 3)
    assert json.loads(capsys.readouterr().out)["yaw"] == 20


def test_attack_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bent print is named in the truth."""
    out = tmp_path / "bent.png"
    assert (
        main(["--out", str(out), "--size", "320x180", "--attack", "print", "--turned", "15", "--radius-mm", "150"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["medium"] == "print bent to 150 mm"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "nothing to do"),
        (["--out", "x.png", "--yaw", "90"], "yaw is 90"),
        (["--out", "x.png", "--size", "1x1"], "size"),
        (["--out", "/nowhere/at/all/x.png", "--size", "64x64"], "could not be written"),
    ],
    ids=["nothing", "pose", "size", "folder"],
)
def test_unusable_arguments_are_named(arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 2 and the message says what is wrong."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert word in capsys.readouterr().err


def test_contact_sheet_has_all_rows() -> None:
    """Eight titled rows of seven tiles."""
    sheet = contact_sheet(Renderer(Camera(160, 90)))
    assert sheet.shape == (8 * (22 + 200), 7 * 240, 3)
    assert sheet.std() > 30
