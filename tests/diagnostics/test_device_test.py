"""`kiosk doctor device`: a whole test of devices on the wire, its dated result, and reports that show and prove it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from firmware_mocks.camera import CameraMock
from firmware_mocks.card_reader import CardReader as MockReader
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from typer.testing import CliRunner

from agent.cli import app
from agent.commands.doctor import Order, examine
from agent.commands.doctor_device import DeviceTestEnded, NoSuchDevice, full_test
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.diagnostics import camera_sample, report_pdf
from agent.diagnostics.check import Check
from agent.diagnostics.context import Wishes
from agent.diagnostics.device_results import FOLDER, KEPT, last_results, save_result
from agent.diagnostics.device_test import Done, Step
from agent.diagnostics.finding import Finding, Verdict, error, ok
from agent.sealing import InFile, show_record_key
from agent.words import Words
from tests.devices.conftest import mock_reader, portrait_file
from tests.diagnostics.conftest import Kiosk

__all__ = ["mock_reader", "portrait_file"]

FAULT = error("test.one.hard", "Cứng", "Hard", "Sửa", "Mend")


def prepared(*actions: Callable[[], object]) -> Callable[[Step], bool]:
    """Return a technician who does one thing before each step."""
    left = list(actions)

    def ready(_step: Step) -> bool:
        left.pop(0)()
        return True

    return ready


def led_through(kiosk: Kiosk, device: str, ready: Callable[[Step], bool], out: Path | None = None) -> ExitCode:
    """Run the test of a device without a daemon."""
    paths = kiosk.path, kiosk.folder / "none.sock"
    return full_test(Screen(as_json=True), device, paths, Wishes(out=out), ready, kiosk.machine.system())


class TestCamera:
    """On the camera's wire."""

    @pytest.fixture
    def camera(self, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> CameraMock:
        """Point the kiosk at a camera; it is started by each test."""
        monkeypatch.setattr(camera_sample.take_sample, "__kwdefaults__", {"first_s": 12.0, "seconds": 0.4})
        return CameraMock(size=(640, 480))

    def configured(self, kiosk: Kiosk, camera: CameraMock) -> None:
        """Write the running camera's address."""
        kiosk.configure(f'[camera]\nsource = "{camera.url}"\nwidth = 640\nheight = 480\n')

    def test_a_camera_that_is_covered_when_it_is_covered(
        self, kiosk: Kiosk, camera: CameraMock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The dark picture is what must be seen; the result is kept without a picture."""
        with camera:
            self.configured(kiosk, camera)
            led_through(kiosk, "camera", prepared(lambda: camera.show("passing"), lambda: camera.show("dark")))
        covered = json.loads(capsys.readouterr().out)["steps"][1]["findings"][0]
        assert (covered["verdict"], covered["code"]) == ("ok", "camera.light")
        (kept,) = (kiosk.data / FOLDER).iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        (result,) = last_results(kiosk.data)
        assert ("camera.open", Verdict.OK) in [(code, verdict) for verdict, code, _ in result.rows]

    def test_a_camera_that_shows_something_else(self, kiosk: Kiosk, camera: CameraMock) -> None:
        """The lens is covered, and the picture stays bright: not this camera."""
        with camera:
            self.configured(kiosk, camera)
            show = prepared(lambda: camera.show("passing"), lambda: None)
            assert led_through(kiosk, "camera", show) is ExitCode.FAILED
        (result,) = last_results(kiosk.data)
        assert result.verdict is Verdict.ERROR
        assert result.rows[-1][1] == "device_test.camera.cover_not_seen"

    def test_a_picture_only_with_out(self, kiosk: Kiosk, camera: CameraMock, tmp_path: Path) -> None:
        """It lies there and nowhere else."""
        with camera:
            self.configured(kiosk, camera)
            led_through(kiosk, "camera", prepared(lambda: None, lambda: camera.show("dark")), tmp_path / "pictures")
        assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["camera.png"]
        assert not list(kiosk.data.rglob("*.png"))


class TestCard:
    """On a private card service."""

    def test_a_card_is_laid_down_and_read(
        self, kiosk: Kiosk, mock_reader: MockReader, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Answer times with their bars are kept; a card that is not laid down is told."""
        lay = prepared(lambda: None, mock_reader.insert)
        assert led_through(kiosk, "card", lay) is ExitCode.OK
        capsys.readouterr()
        told = {code: evidence for _, code, evidence in last_results(kiosk.data)[0].rows}
        assert "contactless" in told["card.atr"]
        assert "p95" in told["card.latency"]
        mock_reader.remove()
        assert led_through(kiosk, "card", prepared(lambda: None, lambda: None)) is ExitCode.FAILED
        assert "device_test.card.card_not_seen" in capsys.readouterr().out


class TestPad:
    """On the reader's wire."""

    def test_a_finger_is_seen(self, kiosk: Kiosk, capsys: pytest.CaptureFixture[str]) -> None:
        """An empty glass first; then a finger, which is what must be seen."""
        with PadOnBus(Faults(), 0.02) as bus:
            kiosk.configure(f'[pad]\nbackend = "usbip"\naddress = "{bus.address}"\n')
            lay = prepared(lambda: None, lambda: bus.device.put_finger(synthetic_finger(7)))
            assert led_through(kiosk, "pad", lay) is ExitCode.OK
        seen = json.loads(capsys.readouterr().out)["steps"][1]["findings"][0]
        assert (seen["verdict"], seen["check"]) == ("ok", "pad.glass")

    def test_no_finger_is_seen(self, kiosk: Kiosk) -> None:
        """The glass stays empty."""
        with PadOnBus(Faults(), 0.02) as bus:
            kiosk.configure(f'[pad]\nbackend = "usbip"\naddress = "{bus.address}"\n')
            assert led_through(kiosk, "pad", prepared(lambda: None, lambda: None)) is ExitCode.FAILED
        assert last_results(kiosk.data)[0].rows[-1][1] == "device_test.pad.finger_not_seen"


def test_what_is_ended_is_not_kept(kiosk: Kiosk) -> None:
    """Ctrl-C at the first question."""
    with pytest.raises(DeviceTestEnded):
        led_through(kiosk, "card", lambda _step: False)
    assert not (kiosk.data / FOLDER).exists()


def test_another_word(kiosk: Kiosk) -> None:
    """Only three devices have a full test."""
    with pytest.raises(NoSuchDevice, match="door"):
        led_through(kiosk, "door", lambda _step: True)


def text_of(document: bytes) -> str:
    """Return the text of a PDF: the glyphs of its pages, through the ToUnicode map of its font (ISO 32000-1, 9.10)."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    streams = [zlib.decompress(one) if one[:1] == b"x" else one for one in streams]
    (font,) = [one.decode() for one in streams if b"begincmap" in one]
    letters = {int(glyph, 16): chr(int(code, 16)) for glyph, code in re.findall("<(....)> <(....)>\n", font)}
    shown = []
    for one in streams:
        for text in re.findall(rb"\(((?:[^\\)]|\\.)*)\) Tj", one, re.DOTALL):
            plain = re.sub(rb"\\(.)", lambda match: {b"r": b"\r", b"n": b"\n"}.get(match[1], match[1]), text)
            glyphs = [int.from_bytes(plain[at : at + 2]) for at in range(0, len(plain), 2)]
            shown.append("".join(letters[glyph] for glyph in glyphs))
    return " ".join(shown)


def done(evidence: str) -> Done:
    """Return a step with one finding."""
    outcome = ok(evidence)
    words = Words("Thẻ", "Card")
    return Done(words, (Finding("card.atr", words, "card.atr", outcome.verdict, words, evidence, words, 0.1),))


def test_the_newest_result_counts_and_old_ones_go(tmp_path: Path) -> None:
    """No more than KEPT of a device; a number as long as a person's is not kept."""
    for second in range(KEPT + 2):
        save_result(tmp_path, "card", [done(f"try {second}, 001099012345")], 1_800_000_000 + second)
    assert len(list((tmp_path / FOLDER).iterdir())) == KEPT
    (result,) = last_results(tmp_path)
    assert (result.device, result.at_s) == ("card", 1_800_000_000 + KEPT + 1)
    assert result.rows == ((Verdict.OK, "card.atr", f"try {KEPT + 1}, [removed]"),)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"steps": [{}]}', b"\xff"])
def test_a_damaged_result_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    """The one before it counts."""
    save_result(tmp_path, "pad", [done("x")], 1_800_000_000)
    (tmp_path / FOLDER / "20990101T000000Z-pad.json").write_bytes(damage)
    assert [result.at_s for result in last_results(tmp_path)] == [1_800_000_000]


class TestReport:
    """What the readiness report shows and proves."""

    def written(self, kiosk: Kiosk, name: str) -> Path:
        """Write a report of one check."""
        path = kiosk.folder / name
        order = Order(kiosk.path, kiosk.folder / "none.sock", report=path)
        check = Check("software.one", Words("Thử", "Test"), lambda *_: FAULT.seen("bằng chứng ▁█"), (FAULT,))
        examine(Screen(as_json=True), order, kiosk.machine.system(), [check])
        return path

    def test_last_tests_are_shown_with_their_dates(self, kiosk: Kiosk) -> None:
        """And it is said what was never tested."""
        save_result(kiosk.data, "card", [done("ATR 3b")], 1_800_000_000)
        text = self.written(kiosk, "r.html").read_text(encoding="utf-8")
        assert "2027-01-15" in text
        assert "ATR 3b" in text
        assert "kiosk doctor device pad" in text
        assert "kiosk doctor device card" not in text

    @pytest.mark.parametrize("name", ["r.html", "r.pdf"])
    def test_it_is_signed_and_a_change_is_found(self, kiosk: Kiosk, name: str) -> None:
        """By the record key; one changed byte, another key, or no signature file, is told."""
        if name.endswith("pdf"):
            pytest.importorskip("fpdf")
            if not report_pdf.FONTS.is_dir():
                pytest.skip("fonts-dejavu-core is not installed")
        public, report = kiosk.folder / "public.pem", self.written(kiosk, name)
        public.write_text(show_record_key(InFile(), kiosk.trust).public_pem)
        arguments = ["doctor", "--json", "--verify-report", str(report), "--record-key", str(public)]
        told = CliRunner().invoke(app, arguments)
        assert told.exit_code == ExitCode.OK, told.stdout
        assert json.loads(told.stdout)["verified"] is True
        report.write_bytes(report.read_bytes().replace(b"a", b"b", 1))
        told = CliRunner().invoke(app, arguments)
        assert (told.exit_code, json.loads(told.stdout)["error"]["code"]) == (1, "sealing.signature_invalid")
        report.with_name(f"{name}.cose").unlink()
        told = CliRunner().invoke(app, arguments)
        assert json.loads(told.stdout)["error"]["code"] == "doctor.report_unreadable"

    def test_without_a_key_it_is_not_signed(self, kiosk: Kiosk) -> None:
        """An old signature does not stay beside a new report."""
        (kiosk.folder / "r.html.cose").write_bytes(b"old")
        (kiosk.trust / "record.key").unlink()
        self.written(kiosk, "r.html")
        assert not (kiosk.folder / "r.html.cose").exists()

    def test_the_pdf_says_what_the_page_says(self, kiosk: Kiosk) -> None:
        """Vietnamese, evidence with bars, the last test: each letter is found again through the font's own map."""
        pytest.importorskip("fpdf")
        if not report_pdf.FONTS.is_dir():
            pytest.skip("fonts-dejavu-core is not installed")
        save_result(kiosk.data, "card", [done("ATR 3b")], 1_800_000_000)
        text = text_of(self.written(kiosk, "r.pdf").read_bytes())
        for words in ("Báo cáo sẵn sàng", "CHƯA SẴN SÀNG", "bằng chứng ▁█", "test.one.hard", "ATR 3b", "→ Sửa"):
            assert words in text, text

    def test_a_pdf_without_the_library_or_font(self, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
        """Told with the remedy."""
        monkeypatch.setattr(report_pdf, "FONTS", kiosk.folder)
        with pytest.raises(report_pdf.NoPdf):
            self.written(kiosk, "r.pdf")
