"""Checking files and writing pictures of the check: every input gets the right word, every file its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest

from agent.capture.evidence import Verdict
from agent.capture.portrait import PortraitPolicy, VisionWorker, checking
from agent.capture.portrait.checking import SHEET, Checked, Pictures
from agent.capture.portrait.errors import ModelMissing, PictureNotWritten
from agent.devices.seams import Frame, Pixels
from agent.words import Words

Picture = Callable[..., Pixels]
POLICY = PortraitPolicy()


def _save(path: Path, pixels: Pixels) -> Path:
    cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture(name="files", scope="module")
def files_fixture(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> dict[str, Path]:
    """Return files of every kind by name."""
    folder = tmp_path_factory.mktemp("files")
    passing = picture("passing")
    small = cv2.resize(passing[:, 280:1000], (40, 40), interpolation=cv2.INTER_AREA)
    made = {
        "passing": passing,
        "two": picture("two-faces"),
        "none": picture("none"),
        "half": np.ascontiguousarray(passing[:, 640:]),
        "edge": np.ascontiguousarray(passing[:, 560:]),
        "tiny": np.asarray(small, np.uint8),
    }
    files = {name: _save(folder / f"{name}.png", pixels) for name, pixels in made.items()}
    cut, text = folder / "cut.png", folder / "text.jpg"
    cut.write_bytes(files["passing"].read_bytes()[:90_000])
    text.write_text("not a picture")
    return files | {"cut": cut, "text": text}


@pytest.fixture(name="checked", scope="module")
def checked_fixture(files: dict[str, Path], models_folder: Path) -> dict[str, Checked]:
    """Return the check of each of them."""
    return dict(zip(files, checking.check_files(files.values(), models_folder, POLICY), strict=True))


def test_a_good_picture_passes_and_has_nothing_to_put_right(checked: dict[str, Checked]) -> None:
    """Every gate was measured and holds."""
    good = checked["passing"]
    assert (good.verdict, good.passed, good.guidance, good.faces, good.size) == (
        Verdict.PASSED,
        True,
        (),
        1,
        "1280x720",
    )
    assert set(POLICY.gates) <= {check.name for check in good.checks}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("none", "portrait.no_face_in_picture"),
        ("half", "portrait.no_face_in_picture"),
        ("cut", "portrait.picture_truncated"),
        ("text", "portrait.picture_unreadable"),
    ],
)
def test_what_cannot_be_judged_has_its_own_word(checked: dict[str, Checked], name: str, code: str) -> None:
    """An error with cause and remedy, failed, and no checks that somebody could take for measured."""
    found = checked[name]
    assert found.error is not None
    assert (found.error.code, found.verdict, found.passed, found.checks) == (code, Verdict.FAILED, False, ())


@pytest.mark.parametrize(("name", "first"), [("two", "portrait.only_one_person"), ("edge", "portrait.move")])
def test_a_bad_picture_says_what_to_put_right(checked: dict[str, Checked], name: str, first: str) -> None:
    """Failed gates, and the worst one's words first."""
    found = checked[name]
    assert found.verdict is Verdict.FAILED
    assert found.guidance[0].code.startswith(first)


def test_a_thumbnail_never_passes(checked: dict[str, Checked]) -> None:
    """40 x 40 pixels: no face, or a face with too few pixels."""
    found = checked["tiny"]
    assert not found.passed
    assert found.error is not None or "portrait.come_closer" in {one.code for one in found.guidance}


def test_without_models_nothing_is_checked(tmp_path: Path) -> None:
    """The error names the missing file, not the pictures."""
    with pytest.raises(ModelMissing):
        next(checking.check_files([tmp_path / "a.jpg"], tmp_path, POLICY))


def test_pictures_of_the_check_are_written(checked: dict[str, Checked], tmp_path: Path) -> None:
    """One annotated picture per readable file, and one sheet with a tile for every file."""
    pictures = Pictures(tmp_path / "new" / "out", len(checked))
    written = {name: pictures.add(one) for name, one in checked.items()}
    sheet = pictures.finish()
    assert {name for name, path in written.items() if path is None} == {"cut", "text"}
    assert sheet == tmp_path / "new" / "out" / SHEET
    tiles = cv2.imread(str(sheet))
    assert tiles is not None
    assert tiles.shape[1] == pytest.approx(3 * tiles.shape[0] / 3 * 4 / 5, abs=5)  # 3 x 3 tiles of 4 : 5
    annotated = cv2.imread(str(written["two"]))
    assert annotated is not None
    assert annotated.shape[0] > 720  # words below the picture


def test_the_crop_frame_and_landmarks_are_drawn(checked: dict[str, Checked], tmp_path: Path) -> None:
    """The face's picture changes along the crop's outline and at the landmarks, and nowhere far from them."""
    good = checked["passing"]
    path = Pictures(tmp_path, 1).add(good)
    drawn = cv2.imread(str(path))
    assert drawn is not None
    assert good.pixels is not None
    changed = np.abs(drawn.astype(int) - good.pixels).max(axis=2) > 80
    assert changed.any(axis=1).sum() > 300
    assert not changed[:, :300].any()
    assert not changed[:, 980:].any()


def test_files_of_one_name_do_not_overwrite_each_other(checked: dict[str, Checked], tmp_path: Path) -> None:
    """Two folders, one name: two pictures."""
    pictures = Pictures(tmp_path, 3)
    paths = [pictures.add(checked["passing"]) for _ in range(3)]
    assert len(set(paths)) == 3


def test_a_single_picture_needs_no_sheet(checked: dict[str, Checked], tmp_path: Path) -> None:
    """One file: no contact sheet."""
    pictures = Pictures(tmp_path, 1)
    pictures.add(checked["passing"])
    assert pictures.finish() is None


def test_a_folder_that_cannot_be_written_is_said(checked: dict[str, Checked], tmp_path: Path) -> None:
    """A file where the folder should be: the error names the path."""
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(PictureNotWritten, match="out"):
        Pictures(tmp_path / "out", 1).add(checked["passing"])


class StandingStill:
    """A FrameSource that shows one picture at 10 frames a second of its own clock."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels, self._number = pixels, 0

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Return the picture again as a new frame."""
        self._number += 1
        return Frame(self._pixels, self._number, self._number * 0.1)


def test_a_live_still_is_checked_as_an_intake_does(models_folder: Path, vision: VisionWorker, picture: Picture) -> None:
    """Guided, held and measured by the capture itself, with the landmarks for drawing."""
    said: list[Words] = []
    found = checking.check_live(
        StandingStill(picture("passing")), models_folder, vision, POLICY, said.append, time.monotonic() + 60, Event()
    )
    assert found.passed
    assert "kiosk_gates_held" in {check.name for check in found.checks}
    assert found.mesh is not None
