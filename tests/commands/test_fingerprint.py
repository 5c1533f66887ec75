"""`kiosk fingerprint check`: tables, JSON, annotated pictures, and the right word for every bad file."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.usbip.backend import get_backend

from agent.capture.fingerprint import FingerprintPolicy, Judge
from agent.capture.fingerprint.formats import pack_wsq
from agent.capture.fingerprint.quality import measure, resample
from agent.commands.exit_codes import ExitCode
from agent.commands.fingerprint import PictureNotWritten, check, from_files, from_pad
from agent.commands.screen import Screen
from agent.devices.fingerprint_pad_hotplug import HotplugPad

POLICY = FingerprintPolicy()
JUDGE = Judge(POLICY, nfiq2=None)
GOOD = synthetic_finger(1)


def pgm(path: Path, pixels: np.ndarray[Any, Any] = GOOD) -> Path:
    """Write a PGM file."""
    height, width = pixels.shape
    path.write_bytes(b"P5 %d %d 255\n" % (width, height) + pixels.astype(np.uint8).tobytes())
    return path


def told(capsys: pytest.CaptureFixture[str], *files: Path, least: int = 30) -> tuple[ExitCode, list[dict[str, Any]]]:
    """Check files for a script."""
    code = check(Screen(as_json=True), from_files(files), JUDGE, least, None)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestGoodFiles:
    """What comes out for prints that can be read."""

    def test_json_has_the_native_measures_by_nists_names(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The very values of the quality package; our score with its model's version; NIST's as not assessed."""
        code, (found,) = told(capsys, pgm(tmp_path / "a.pgm"))
        assert code is ExitCode.OK
        assert found["native_measures"] == dict(measure(GOOD))
        assert (found["kind"], found["width"], found["height"], found["ppi"]) == ("PGM", 384, 290, [500, 500])
        assert found["score_model"].startswith("kiosk-fingerprint-")
        verdicts = {one["name"]: one["verdict"] for one in found["checks"]}
        assert verdicts["unified_quality_score"] == verdicts["minutiae"] == "not assessed"

    def test_a_file_that_states_its_resolution_is_resampled(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """PHYs counts; only files without it are taken at 500 ppi."""
        fine = np.kron(GOOD, np.ones((2, 2), np.uint8)).astype(np.uint8)
        data = cv2.imencode(".png", fine)[1].tobytes()
        content = b"pHYs" + struct.pack(">IIB", 39370, 39370, 1)
        chunk = struct.pack(">I", 9) + content + struct.pack(">I", zlib.crc32(content))
        (tmp_path / "fine.png").write_bytes(data[:33] + chunk + data[33:])
        _, (found,) = told(capsys, tmp_path / "fine.png")
        assert found["ppi"] == pytest.approx([1000, 1000], abs=0.1)
        expected = measure(resample(fine, *found["ppi"]))
        assert found["native_measures"]["Mu"] == expected["Mu"]

    def test_wsq(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A compressed print has nearly the values of its master."""
        (tmp_path / "a.wsq").write_bytes(pack_wsq(GOOD).data)
        code, (found,) = told(capsys, tmp_path / "a.wsq")
        assert (code, found["kind"]) == (ExitCode.OK, "WSQ")
        assert found["native_measures"]["Mu"] == pytest.approx(measure(GOOD)["Mu"], abs=1)

    def test_a_table_for_people(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """One file: verdicts and measures, too; both languages in the headings."""
        assert check(Screen(), from_files([pgm(tmp_path / "a.pgm")]), JUDGE, 30, None) is ExitCode.OK
        out = capsys.readouterr().out
        assert "Chất lượng vân tay · Fingerprint quality" in out
        assert "LCS_Bin10_Mean" in out
        assert "LCS_Bin10_0" not in out

    def test_annotated_pictures(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """One for each print, twice as large, in colour; equal names do not overwrite each other."""
        (tmp_path / "b").mkdir()
        files = [pgm(tmp_path / "a.pgm"), pgm(tmp_path / "b" / "a.pgm")]
        check(Screen(as_json=True), from_files(files), JUDGE, 30, tmp_path / "out")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["01-a.png", "02-a.png"]
        picture = cv2.imread(str(tmp_path / "out" / "01-a.png"))
        assert picture is not None
        assert picture.shape == (580, 768, 3)

    @pytest.mark.parametrize(("least", "code"), [(0, ExitCode.OK), (100, ExitCode.FAILED)])
    def test_the_threshold_decides(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], least: int, code: ExitCode
    ) -> None:
        """A score below it fails the command."""
        assert told(capsys, pgm(tmp_path / "a.pgm"), least=least)[0] is code


class TestBadFiles:
    """Each is named with its true cause, and hides no other."""

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "fingerprint.not_a_record"),
            (b"%PDF-1.7 something", "fingerprint.not_a_record"),
            (b"P5 400 400 255\n" + bytes(100), "fingerprint.lying_length"),
            (b"P5 99999 99999 255\n", "fingerprint.picture_too_big"),
            (b"P5 20 20 255\n" + bytes(400), "fingerprint.too_small"),
            (b"\x89PNG\r\n\x1a\n", "fingerprint.truncated"),
            (b"\xff\xa0", "fingerprint.truncated"),
            (b"FIR\x00020\x00", "fingerprint.truncated"),
        ],
        ids=["empty", "pdf", "lying", "bomb", "tiny", "png", "wsq", "fir"],
    )
    def test_the_right_word(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, code: str
    ) -> None:
        """A hostile file between two good ones."""
        (tmp_path / "bad").write_bytes(content)
        good = pgm(tmp_path / "a.pgm")
        outcome, found = told(capsys, good, tmp_path / "bad", good)
        assert outcome is ExitCode.FAILED
        assert [one.get("error", {}).get("code") for one in found] == [None, code, None]

    @pytest.mark.parametrize("name", ["missing", "."], ids=["missing", "folder"])
    def test_unreadable(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
        """With the system's word."""
        _, (found,) = told(capsys, tmp_path / name)
        assert found["error"]["code"] == "fingerprint.file_unreadable"
        assert found["error"]["vi"]

    def test_what_is_no_print_is_refused_not_an_error(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A white picture: measured as far as it goes, and the gate says why."""
        code, (found,) = told(capsys, pgm(tmp_path / "white.pgm", np.full((300, 300), 255)))
        assert (code, found["refused"], found["native_measures"]) == (ExitCode.FAILED, True, {})

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        """The command says so instead of dropping the pictures."""
        file = pgm(tmp_path / "a.pgm")
        with pytest.raises(PictureNotWritten):
            check(Screen(as_json=True), from_files([file]), JUDGE, 30, file / "out")

    def test_errors_are_shown_to_people_with_the_remedy(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """On standard error, after the table."""
        check(Screen(), from_files([tmp_path / "missing"]), JUDGE, 30, None)
        assert "Check the path" in capsys.readouterr().err


def test_from_the_pad(capsys: pytest.CaptureFixture[str]) -> None:
    """One touch on the wire: the person is guided, the picture judged at the reader's resolution."""
    with PadOnBus(frame_s=0.02) as bus, HotplugPad(lambda: get_backend(bus.address), 512, 500) as pad:
        bus.obey({"do": "auto", "seed": 11, "put_s": 0.2})
        sources = from_pad(Screen(as_json=True), pad, POLICY, Event())
        code = check(Screen(as_json=True), sources, JUDGE, 30, None)
    captured = capsys.readouterr()
    found = json.loads(captured.out.splitlines()[-1])
    assert (code, found["name"], found["ppi"]) == (ExitCode.OK, "pad", [512, 500])
    assert "Place the finger on the reader." in captured.err
