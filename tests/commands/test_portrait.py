"""`kiosk portrait check` as people and scripts see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from firmware_mocks.camera.film import film

from agent.capture.portrait import PortraitPolicy, models
from agent.commands import portrait
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.devices.camera import Camera

MODELS = Path(__file__).resolve().parents[2] / "models"
POLICY = PortraitPolicy()

pytestmark = pytest.mark.skipif(
    any(state not in {"ok", "not installed"} for _, state in models.inspect(MODELS)),
    reason="model files are not installed (kiosk models install)",
)


@pytest.fixture(name="files", scope="module")
def files_fixture(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a good picture, a dark one, and a text file."""
    folder = tmp_path_factory.mktemp("pictures")
    for subject in ("passing", "dark"):
        (folder / f"{subject}.jpg").write_bytes(film(subject, 1, 1280, 720)[0])
    (folder / "text.jpg").write_text("no picture")
    return [folder / f"{name}.jpg" for name in ("passing", "dark", "text")]


def test_a_script_gets_one_json_value_a_file(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Values, verdicts, guidance and errors by name; FAILED because not all passed."""
    code = portrait.check_files(Screen(as_json=True), files, MODELS, None, POLICY)
    good, dark, text = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert code is ExitCode.FAILED
    assert (good["name"], good["passed"], good["error"], good["guidance"]) == ("passing.jpg", True, None, [])
    gates = {one["name"]: one for one in good["measures"] if one["gate"]}
    assert set(gates) == set(POLICY.gates)
    assert isinstance(gates["head_pose_yaw"]["native"], float)
    assert gates["head_pose_yaw"]["scalar"] >= 99
    assert [one["code"] for one in dark["guidance"]] == ["portrait.too_dark"]
    assert (text["error"]["code"], text["measures"]) == ("portrait.picture_unreadable", [])


def test_people_get_a_table_and_words_in_both_languages(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Name, value, verdict and limits of each measure; what to put right; the error for what is no picture."""
    portrait.check_files(Screen(), files[1:], MODELS, None, POLICY)
    shown = capsys.readouterr()
    for text in (
        "dark.jpg (1280x720)",
        "head_pose_yaw",
        "-5 … 5",
        "reported",
        "Thiếu sáng",
        "Too dark",
        "Not assessed",
    ):
        assert text in shown.out
    assert "portrait.picture_unreadable" in shown.err
    assert "text.jpg" in shown.err


def test_a_good_picture_alone_is_ok(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and the word for it."""
    assert portrait.check_files(Screen(), files[:1], MODELS, None, POLICY) is ExitCode.OK
    assert "Ảnh đạt." in capsys.readouterr().out


def test_pictures_go_where_out_says(files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An annotated picture for each that could be read, one contact sheet, and their paths are told."""
    portrait.check_files(Screen(), files, MODELS, tmp_path / "out", POLICY)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"passing.checked.jpg", "dark.checked.jpg", "contact-sheet.jpg"}
    assert "contact-sheet.jpg" in "".join(capsys.readouterr().out.split())


def test_a_live_still_is_taken_through_the_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Camera on the wire, camera worker, vision worker, evidence, table, picture."""
    from firmware_mocks.camera import CameraMock  # noqa: PLC0415 # only this test needs a camera

    @contextmanager
    def opened() -> Iterator[Camera]:
        with CameraMock() as mock, Camera(mock.url, development=True) as camera:
            yield camera

    code = portrait.check_camera(Screen(as_json=True), opened, MODELS, tmp_path, POLICY, within_s=60)
    told = json.loads(capsys.readouterr().out)
    assert code is ExitCode.OK
    assert told["passed"]
    assert Path(told["annotated"]).exists()
