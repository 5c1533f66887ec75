"""The fingerprint reader's checks: the real driver on a reader on the wire, healthy and broken, and sysfs trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from firmware_mocks.fingerprint_pad import sensor
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger

from agent.devices.errors import NoPad, PadFault
from agent.devices.fingerprint_pad_errors import NoLibfprint
from agent.devices.fingerprint_pad_libfprint import list_libfprint_pads
from agent.devices.fingerprint_pad_registers import MODELS, PadModel
from agent.devices.seams import Pixels
from agent.diagnostics import pad_sample
from agent.diagnostics.context import Wishes
from agent.diagnostics.distribution import Distribution
from agent.diagnostics.families import pad
from agent.diagnostics.finding import Finding, Verdict
from agent.diagnostics.pad_sample import GlassLook, look
from tests.diagnostics.conftest import Kiosk, ToldDaemon, assert_fault

FRAME_S = 0.02
NODE = "sys/bus/usb/devices/1-3"


@pytest.fixture
def faults() -> Faults:
    """Make a healthy reader, unless a test changes it."""
    return Faults()


@pytest.fixture
def bus(faults: Faults) -> Iterator[PadOnBus]:
    """Put a reader on the bus; at the end the doctor has kept the order of modes and transfers."""
    with PadOnBus(faults, FRAME_S) as on_bus:
        yield on_bus
        assert on_bus.state()["violations"] == []


@pytest.fixture
def connected(kiosk: Kiosk, bus: PadOnBus) -> Kiosk:
    """Point the kiosk at it."""
    kiosk.configure(f'[pad]\nbackend = "usbip"\naddress = "{bus.address}"\n')
    return kiosk


def told(kiosk: Kiosk) -> dict[str, Finding]:
    """Run the whole family."""
    return {found.check: found for found in kiosk.findings("pad")}


class TestOnTheWire:
    """Without a visit the doctor opens the reader itself."""

    def test_a_healthy_reader(self, connected: Kiosk) -> None:
        """All is well, but for what only a USB device of the machine has."""
        findings = told(connected)
        for name in ("permission", "holder", "power"):
            assert findings.pop(f"pad.{name}").verdict is Verdict.NOT_ASSESSED
        assert {found.verdict for found in findings.values()} == {Verdict.OK}, findings
        assert "versions" in findings["pad.open"].evidence

    def test_it_is_free_afterwards(self, connected: Kiosk, bus: PadOnBus) -> None:
        """Twice in a row, and switched off at the end."""
        assert connected.finding("pad.open").verdict is Verdict.OK
        assert connected.finding("pad.open").verdict is Verdict.OK
        assert bus.state()["mode"] == 0x70

    def test_unplugged(self, connected: Kiosk, bus: PadOnBus) -> None:
        """One error; the rest refers to it."""
        bus.server.unplug()
        findings = told(connected)
        assert_fault(findings["pad.found"], NoPad.code)
        assert findings["pad.open"].verdict is Verdict.SKIPPED
        assert findings["pad.noise"].verdict is Verdict.SKIPPED
        assert connected.finding("pad.open").code == NoPad.code

    def test_a_model_that_the_driver_does_not_know(
        self, connected: Kiosk, bus: PadOnBus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Listed so that it can be said, and not opened."""
        monkeypatch.setitem(MODELS, (0x05BA, 0x000A), PadModel("Another reader", supported=False))
        assert_fault(connected.finding("pad.found"), "pad.found.unsupported")
        assert bus.state()["controls"] == 0

    def test_held_by_another_program(self, connected: Kiosk, bus: PadOnBus) -> None:
        """The usual suspect is in the remedy."""
        bus.server.hold(True)
        found = told(connected)["pad.open"]
        assert_fault(found, "pad.busy")
        assert "fprintd" in found.remedy.en

    def test_during_a_visit_it_is_left_alone(self, connected: Kiosk, bus: PadOnBus) -> None:
        """Skipped, and not touched."""
        connected.daemon = ToldDaemon(use={"visit_open": True})
        assert connected.finding("pad.open").verdict is Verdict.SKIPPED
        assert bus.state()["controls"] == 0

    @pytest.mark.parametrize("faults", [Faults(wake_ms=())], ids=["never-wakes"])
    def test_it_does_not_wake(self, connected: Kiosk) -> None:
        """Told with the driver's own code."""
        assert_fault(told(connected)["pad.open"], PadFault.code)

    @pytest.mark.parametrize("faults", [Faults(damaged=10_000)], ids=["damaged"])
    def test_damaged_pictures(self, connected: Kiosk) -> None:
        """The reader opens; its pictures are the fault."""
        findings = told(connected)
        assert findings["pad.open"].verdict is Verdict.OK
        assert_fault(findings["pad.picture"], "pad.picture_damaged")
        assert findings["pad.noise"].verdict is Verdict.SKIPPED

    @pytest.mark.parametrize("faults", [Faults(no_frames=True)], ids=["no-frames"])
    def test_no_pictures(self, connected: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
        """A warning: a reader may give none without a finger."""
        monkeypatch.setattr(pad_sample.take_pad_sample, "__kwdefaults__", {"pictures_s": 0.3, "bulk_ms": 200})
        assert_fault(told(connected)["pad.picture"], "pad.picture.none")

    def test_a_finger_on_the_glass(self, connected: Kiosk, bus: PadOnBus) -> None:
        """Not assessed: nothing is said of the sensor, and nothing of the finger is kept."""
        bus.device.put_finger(synthetic_finger(1))
        findings = told(connected)
        assert findings["pad.noise"].verdict is Verdict.NOT_ASSESSED
        assert findings["pad.glass"].verdict is Verdict.NOT_ASSESSED

    @pytest.mark.parametrize(
        ("glass", "code"),
        [
            (lambda glass, dice: np.clip(glass + dice.normal(-20, 14, glass.shape), 0, 255), "pad.noise.high"),
            (lambda glass, _: np.where(np.arange(384) == 100, 60, glass), "pad.lines.dead"),
            (lambda glass, _: np.where(np.arange(290)[:, None] == 150, 20, glass), "pad.lines.dead"),
            (lambda glass, _: spotted(glass), "pad.lines.dead_pixels"),
            (lambda glass, _: smudged(glass), "pad.glass.dirty"),
        ],
        ids=["noisy", "dead-column", "dead-row", "dead-pixels", "dirty"],
    )
    def test_a_bad_sensor(
        self,
        connected: Kiosk,
        monkeypatch: pytest.MonkeyPatch,
        glass: Callable[[Pixels, np.random.Generator], Pixels],
        code: str,
    ) -> None:
        """Seen through scrambling, blocks and assembly."""
        empty, dice = sensor.empty_glass, np.random.default_rng(5)
        monkeypatch.setattr(sensor, "empty_glass", lambda n: np.asarray(glass(empty(n), dice), np.uint8))
        assert_fault(connected.finding(code.rpartition(".")[0]), code)

    def test_a_test_picture_only_on_wish(self, connected: Kiosk, tmp_path: Path) -> None:
        """A grey PNG of the whole glass."""
        connected.wishes = Wishes(out=tmp_path / "out")
        assert connected.finding("pad.picture").verdict is Verdict.OK
        picture = cv2.imread(str(tmp_path / "out" / "pad.png"), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        assert picture.shape == (290, 384)


def spotted(glass: Pixels) -> Pixels:
    """Return the glass with fifty dead pixels."""
    dice = np.random.default_rng(9)
    spots = glass.copy()
    spots[dice.integers(5, 285, 50), dice.integers(5, 379, 50)] = 30
    return spots


def smudged(glass: Pixels) -> Pixels:
    """Return the glass with a smear on 5 % of it."""
    spots = glass.copy()
    spots[40:90, 40:150] -= 120
    return spots


class TestDevice:
    """A reader of the machine, as sysfs, /dev and /proc show it."""

    @pytest.fixture
    def plugged(self, kiosk: Kiosk) -> Kiosk:
        """Plug a U.are.U 4500 in."""
        for name, text in {"idVendor": "05ba", "idProduct": "000a", "busnum": "1", "devnum": "9"}.items():
            kiosk.machine.put(f"{NODE}/{name}", f"{text}\n")
        kiosk.machine.put(f"{NODE}/power/control", "on\n")
        kiosk.machine.put("dev/bus/usb/001/009", "")
        return kiosk

    def test_all_is_well(self, plugged: Kiosk) -> None:
        """Awake, permitted, free."""
        for name in ("permission", "holder", "power"):
            assert plugged.finding(f"pad.{name}").verdict is Verdict.OK

    def test_not_there(self, kiosk: Kiosk) -> None:
        """Told elsewhere."""
        assert kiosk.finding("pad.power").verdict is Verdict.SKIPPED

    def test_not_permitted(self, plugged: Kiosk) -> None:
        """The remedy is the udev rule."""
        plugged.machine.may_use = lambda _: False
        found = plugged.finding("pad.permission")
        assert_fault(found, "pad.not_permitted")
        assert found.evidence == "/dev/bus/usb/001/009"

    def test_who_holds_it(self, plugged: Kiosk) -> None:
        """fprintd, by name and process."""
        plugged.machine.put("proc/77/comm", "fprintd\n")
        plugged.machine.put("proc/77/cmdline", "/usr/libexec/fprintd\0")
        plugged.machine.link("proc/77/fd/9", "/dev/bus/usb/001/009")
        found = plugged.finding("pad.holder")
        assert_fault(found, "pad.busy")
        assert "fprintd (pid 77)" in found.evidence

    def test_autosuspend(self, plugged: Kiosk) -> None:
        """A warning with the rule that ends it."""
        plugged.machine.put(f"{NODE}/power/control", "auto\n")
        assert_fault(plugged.finding("pad.power"), "pad.power.autosuspend")


class TestLibfprint:
    """The reader is libfprint's: its virtual one, or none."""

    @pytest.fixture
    def virtual(self, kiosk: Kiosk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kiosk:
        """Point the kiosk at the virtual reader, or skip where libfprint is not installed."""
        try:
            list_libfprint_pads()
        except NoLibfprint as error:
            pytest.skip(str(error))
        monkeypatch.setenv("FP_VIRTUAL_IMAGE", str(tmp_path / "image"))
        kiosk.configure('[pad]\nbackend = "libfprint"\ndriver = "virtual_image"\n')
        return kiosk

    def test_it_is_found_and_opened_and_the_rest_says_why_not(self, virtual: Kiosk) -> None:
        """The driver is named; what needs pictures of an empty glass is not assessed."""
        findings = told(virtual)
        for name in ("found", "open"):
            found = findings.pop(f"pad.{name}")
            assert (found.verdict, "libfprint virtual_image" in found.evidence) == (Verdict.OK, True), found
        assert {found.verdict for found in findings.values()} == {Verdict.NOT_ASSESSED}, findings

    def test_there_is_none(self, virtual: Kiosk) -> None:
        """As without our own."""
        virtual.configure('[pad]\nbackend = "libfprint"\ndriver = "egis0570"\n')
        assert_fault(virtual.finding("pad.found"), NoPad.code)
        assert_fault(virtual.finding("pad.open"), NoPad.code)

    def test_a_visit_is_left_alone(self, virtual: Kiosk) -> None:
        """The reader belongs to the person at the desk."""
        virtual.daemon = ToldDaemon(use={"visit_open": True})
        assert virtual.finding("pad.open").verdict is Verdict.SKIPPED


class TestJudging:
    """Figures that a mock gives too slowly for a test."""

    def test_waking(self) -> None:
        """A second is slow."""
        assert pad.judge_wake(0.02).code == ""
        assert pad.judge_wake(1.3).code == "pad.wake.slow"

    @pytest.mark.parametrize(
        ("answer", "interval", "code"),
        [(0.001, 0.128, ""), (0.05, 0.128, "pad.latency.slow"), (0.001, 0.5, "pad.latency.slow")],
    )
    def test_latency(self, answer: float, interval: float, code: str) -> None:
        """Registers and pictures."""
        assert pad.judge_latency(Distribution.of([answer] * 20), (interval,) * 3).code == code

    def test_a_small_smudge_is_no_fault(self) -> None:
        """One percent."""
        assert pad.judge_glass(GlassLook(1.0, 0.01, (), 0)).code == ""

    def test_the_white_pixel_at_a_blocks_end_is_not_dead(self) -> None:
        """The protocol loses it, always."""
        pictures = [sensor.empty_glass(n) for n in range(4)]
        for picture in pictures:
            picture[[72, 121, 170, 285], 383] = 255
        seen = look(pictures)
        assert (seen.dead_lines, seen.dead_pixels) == ((), 0)
