"""The camera's checks: a real worker looking at a camera on the wire, and device files as the kernel makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from firmware_mocks.camera import CameraMock

from agent.devices.camera import Camera
from agent.devices.seams import Frame
from agent.diagnostics import camera_sample
from agent.diagnostics.camera_sample import CameraSample, take_sample
from agent.diagnostics.context import Wishes
from agent.diagnostics.families import camera
from agent.diagnostics.finding import Verdict
from agent.diagnostics.picture import png
from agent.intake.errors import VisitRunning
from tests.diagnostics.conftest import Kiosk, ToldDaemon, assert_fault

SAMPLE = CameraSample(1280, 720, 0.5, [0.033] * 40, [0.01] * 40, 0, 120.0, 0.0, 0.01, 40.0, 1.0, 0.5)


@pytest.fixture(scope="module")
def mock() -> Iterator[CameraMock]:
    """Return one camera on the wire for all tests."""
    with CameraMock(size=(640, 480)) as running:
        yield running


@pytest.fixture
def watched(kiosk: Kiosk, mock: CameraMock, monkeypatch: pytest.MonkeyPatch) -> Kiosk:
    """Point the kiosk at it, and look only for a moment."""
    mock.thaw()
    mock.show("passing")
    monkeypatch.setattr(camera_sample.take_sample, "__kwdefaults__", {"first_s": 12.0, "seconds": 0.4})
    kiosk.configure(f'[camera]\nsource = "{mock.url}"\nwidth = 640\nheight = 480\n')
    return kiosk


def v4l2(kiosk: Kiosk, node: str = "video0", name: str = "HD Webcam") -> Path:
    """Plug a camera in, as sysfs and /dev show it."""
    kiosk.configure("[camera]\nsource = 0\n")
    kiosk.machine.put(f"sys/class/video4linux/{node}/name", f"{name}\n")
    return kiosk.machine.put(f"dev/{node}", "")


class TestOnTheWire:
    """Without a daemon the doctor opens the camera itself."""

    def test_a_healthy_camera(self, watched: Kiosk) -> None:
        """Found, opened, measured; what a network camera cannot tell is not assessed."""
        findings = {f.check: f for f in watched.findings("camera")}
        for name in ("found", "open", "mode", "light", "latency"):
            assert findings[f"camera.{name}"].verdict is Verdict.OK, findings[f"camera.{name}"]
        for name in ("permission", "holder"):
            assert findings[f"camera.{name}"].verdict is Verdict.NOT_ASSESSED
        assert findings["camera.picture"].verdict is Verdict.SKIPPED
        # A stream has no controls to lock.
        assert_fault(findings["camera.controls"], "camera.controls.refused")

    def test_a_frozen_camera(self, watched: Kiosk, mock: CameraMock, monkeypatch: pytest.MonkeyPatch) -> None:
        """One error with the camera's own code; the rest refers to it."""
        monkeypatch.setattr(camera_sample.take_sample, "__kwdefaults__", {"first_s": 0.5, "seconds": 0.1})
        mock.freeze()
        findings = {f.check: f for f in watched.findings("camera")}
        mock.thaw()
        assert_fault(findings["camera.open"], "camera.frozen")
        assert findings["camera.rate"].verdict is Verdict.SKIPPED

    def test_nobody_answers(self, watched: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
        """A network camera that is not there."""
        monkeypatch.setattr(camera_sample.take_sample, "__kwdefaults__", {"first_s": 3.0, "seconds": 0.1})
        watched.configure('[camera]\nsource = "http://127.0.0.1:9/none.mjpg"\n')
        assert watched.finding("camera.open").code in {"camera.none", "camera.frozen"}

    @pytest.mark.parametrize(
        ("subject", "code"),
        [
            ("dark", "camera.light.dark"),
            ("bright", "camera.light.bright"),
            ("side-lit", "camera.light.one_sided"),
            ("blurred", "camera.sharpness.soft"),
        ],
    )
    def test_what_it_sees(self, watched: Kiosk, mock: CameraMock, subject: str, code: str) -> None:
        """Dim light and a soft lens, seen through a JPEG with sensor noise."""
        mock.show(subject)
        found = watched.finding(code.rpartition(".")[0])
        mock.show("passing")
        assert_fault(found, code)

    def test_a_sharp_picture(self, watched: Kiosk) -> None:
        """The same person in focus."""
        assert watched.finding("camera.sharpness").verdict is Verdict.OK

    def test_another_mode(self, watched: Kiosk, mock: CameraMock) -> None:
        """Both sizes are told."""
        watched.configure(f'[camera]\nsource = "{mock.url}"\nwidth = 1280\nheight = 720\n')
        found = watched.finding("camera.mode")
        assert_fault(found, "camera.mode.other")
        assert found.evidence == "640x480, configured 1280x720"

    def test_a_test_picture_only_on_wish(self, watched: Kiosk, tmp_path: Path) -> None:
        """A PNG of the camera's size that only its owner may read."""
        watched.wishes = Wishes(out=tmp_path / "pictures")
        assert watched.finding("camera.picture").verdict is Verdict.OK
        (path,) = (tmp_path / "pictures").iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (480, 640, 3)


class TestThroughTheDaemon:
    """The daemon holds the camera and is asked."""

    def test_its_figures_are_judged(self, kiosk: Kiosk) -> None:
        """As JSON, which must come through whole."""
        kiosk.daemon = daemon = ToldDaemon()
        daemon.sample = asdict(replace(SAMPLE, brightness=20.0))
        findings = {f.check: f for f in kiosk.findings("camera.open", "camera.light", "camera.controls")}
        assert "held by the daemon" in findings["camera.open"].evidence
        assert_fault(findings["camera.light"], "camera.light.dark")
        assert findings["camera.controls"].verdict is Verdict.SKIPPED

    def test_its_picture(self, kiosk: Kiosk, tmp_path: Path) -> None:
        """Saved as it came; never while a visit is open."""
        kiosk.wishes = Wishes(out=tmp_path / "out")
        kiosk.daemon = daemon = ToldDaemon()
        daemon.picture = b"a picture"
        assert kiosk.finding("camera.picture").verdict is Verdict.OK
        assert (tmp_path / "out" / "camera.png").read_bytes() == b"a picture"
        kiosk.daemon = ToldDaemon(use={"visit_open": True})
        assert kiosk.finding("camera.picture").verdict is Verdict.SKIPPED

    def test_a_visit_that_begins_meanwhile(self, kiosk: Kiosk, tmp_path: Path) -> None:
        """The daemon refuses, and its words are told."""

        class Refusing(ToldDaemon):
            def camera_picture(self) -> bytes:
                raise VisitRunning

        kiosk.wishes, kiosk.daemon = Wishes(out=tmp_path / "out"), Refusing()
        assert kiosk.finding("camera.picture").code == VisitRunning.code


class TestDevice:
    """A V4L2 camera as sysfs, /dev and /proc show it."""

    def test_found(self, kiosk: Kiosk) -> None:
        """With the product's name."""
        v4l2(kiosk)
        assert kiosk.finding("camera.found").evidence == "0: HD Webcam"

    def test_another_one_is_there(self, kiosk: Kiosk) -> None:
        """Told, so that the configuration can be corrected."""
        v4l2(kiosk, "video2", "Other Webcam")
        found = kiosk.finding("camera.found")
        assert_fault(found, "camera.none")
        assert "/dev/video2 Other Webcam" in found.evidence

    def test_none_at_all(self, kiosk: Kiosk) -> None:
        """The others refer to it."""
        kiosk.configure("[camera]\nsource = 0\n")
        findings = {f.check: f for f in kiosk.findings("camera.found", "camera.permission", "camera.holder")}
        assert_fault(findings["camera.found"], "camera.none")
        assert findings["camera.permission"].verdict is Verdict.SKIPPED

    def test_by_its_lasting_name(self, kiosk: Kiosk) -> None:
        """A link below /dev/v4l/by-id is followed."""
        v4l2(kiosk)
        kiosk.machine.link("dev/v4l/by-id/usb-webcam", "../../video0")
        kiosk.configure('[camera]\nsource = "/dev/v4l/by-id/usb-webcam"\n')
        assert kiosk.finding("camera.found").verdict is Verdict.OK

    def test_not_permitted(self, kiosk: Kiosk) -> None:
        """The remedy names the group."""
        v4l2(kiosk)
        assert kiosk.finding("camera.permission").verdict is Verdict.OK
        kiosk.machine.may_use = lambda _: False
        found = kiosk.finding("camera.permission")
        assert_fault(found, "camera.not_permitted")
        assert "video" in found.remedy.en

    def test_who_holds_it(self, kiosk: Kiosk) -> None:
        """Program and process are named; the kiosk's own worker is no stranger."""
        v4l2(kiosk)
        assert kiosk.finding("camera.holder").evidence.startswith("nobody")
        kiosk.machine.put("proc/321/cmdline", "/usr/bin/python3\0-m\0agent.devices._camera_worker\0")
        kiosk.machine.link("proc/321/fd/7", "/dev/video0")
        assert kiosk.finding("camera.holder").evidence == "the kiosk"
        kiosk.machine.put("proc/654/cmdline", "/usr/bin/cheese\0")
        kiosk.machine.put("proc/654/comm", "cheese\n")
        kiosk.machine.link("proc/654/fd/12", "/dev/video0")
        found = kiosk.finding("camera.holder")
        assert_fault(found, "camera.busy")
        assert "cheese (pid 654)" in found.evidence


class TestJudging:
    """Figures that a mock cannot be made to give on demand."""

    @pytest.mark.parametrize(
        ("interval", "code"),
        [(0.033, ""), (0.1, "camera.rate.low"), (0.5, "camera.rate.too_low")],
    )
    def test_rate(self, interval: float, code: str) -> None:
        """Against the configured one."""
        assert camera.judge_rate(replace(SAMPLE, intervals_s=[interval] * 10), 30).code == code

    def test_frames_that_we_missed_count_as_given(self) -> None:
        """A busy reader is no slow camera."""
        assert camera.judge_rate(replace(SAMPLE, intervals_s=[0.066] * 10, missed=10), 30).code == ""

    @pytest.mark.parametrize(("gaps", "code"), [(1, ""), (8, "camera.drops.gaps")])
    def test_drops(self, gaps: int, code: str) -> None:
        """A single gap is no fault."""
        assert camera.judge_drops(replace(SAMPLE, intervals_s=[0.033] * 32 + [0.1] * gaps)).code == code

    def test_latency(self) -> None:
        """By the 95th percentile."""
        assert camera.judge_latency(SAMPLE).code == ""
        assert camera.judge_latency(replace(SAMPLE, handed_s=[0.5] * 10)).code == "camera.latency.late"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({}, ""),
            ({"brightness": 30.0}, "camera.light.dark"),
            ({"black": 0.7}, "camera.light.dark"),
            ({"brightness": 230.0}, "camera.light.bright"),
            ({"white": 0.5}, "camera.light.bright"),
            ({"contrast": 1.0, "brightness": 3.0}, "camera.light.covered"),
            ({"sides": 2.5}, "camera.light.one_sided"),
            ({"sides": 0.4}, "camera.light.one_sided"),
        ],
    )
    def test_light(self, changes: dict[str, float], code: str) -> None:
        """Each way in which a face would be lit badly."""
        assert camera.judge_light(replace(SAMPLE, **changes)).code == code  # type: ignore[arg-type] # floats only

    def test_an_empty_wall_says_nothing_of_sharpness(self) -> None:
        """Not assessed."""
        assert camera.judge_sharpness(replace(SAMPLE, contrast=5.0)).verdict is Verdict.NOT_ASSESSED


def test_a_png_is_what_was_seen() -> None:
    """Grey and colour, read back by another library."""
    dice = np.random.default_rng(1)
    for shape, flag in (((20, 31), cv2.IMREAD_GRAYSCALE), ((20, 31, 3), cv2.IMREAD_COLOR)):
        pixels = dice.integers(0, 256, shape, np.uint8)
        assert np.array_equal(np.asarray(cv2.imdecode(np.frombuffer(png(pixels), np.uint8), flag)), pixels)


def test_a_sample_counts_what_was_missed(mock: CameraMock) -> None:
    """Numbers of frames and of intervals fit together."""
    mock.thaw()
    with Camera(mock.url, 640, 480, development=True) as opened:
        sample, last = take_sample(opened, Event(), seconds=0.3)
    assert len(sample.intervals_s) == len(sample.handed_s) >= 3
    assert sample.missed >= 0
    assert last.pixels.shape == (480, 640, 3)
    assert all(interval > 0 for interval in sample.intervals_s)


class Flickering:
    """A camera whose pictures are lit as a function says."""

    def __init__(self, light: Callable[[int], float]) -> None:
        self._light = light

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Return the next picture."""
        number = after + 1
        return Frame(np.full((48, 64, 3), round(self._light(number)), np.uint8), number, number / 30)


@pytest.mark.parametrize(
    ("light", "code"),
    [
        (lambda _: 120.0, "camera.flicker"),
        (lambda number: 100.0 + number, "camera.flicker"),
        (lambda number: 120.0 + 15 * np.sin(number * 2.1), "camera.flicker.seen"),
    ],
    ids=["steady", "dawn", "beating lamp"],
)
def test_flicker(light: Callable[[int], float], code: str) -> None:
    """A lamp that beats with the shutter is told; a light that slowly changes is none."""
    sample, _ = take_sample(Flickering(light), Event(), seconds=60)
    outcome = camera.judge_flicker(sample)
    assert (outcome.code or "camera.flicker") == code


def test_a_real_stream_does_not_flicker(watched: Kiosk) -> None:
    """Sensor noise and JPEG are far below the limit."""
    assert watched.finding("camera.flicker").verdict is Verdict.OK
