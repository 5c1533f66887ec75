"""`kiosk pad calibrate` and `kiosk pad test` against a reader on the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.registers import Mode
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.usbip.backend import get_backend

from agent.commands.exit_codes import ExitCode
from agent.commands.pad import GlassNotEmpty, PictureNotSaved, Wanted, calibrate, self_test
from agent.commands.screen import Screen
from agent.devices.fingerprint_pad_calibration import PadCalibration
from agent.devices.fingerprint_pad_hotplug import HotplugPad
from tests.capture.fingerprint.test_target import target

SERIAL = "{6D6F636B-0000-4000-8000-000000004500}"
TYPED = Wanted(None, 520, 480)


@pytest.fixture
def bus() -> Iterator[PadOnBus]:
    """Put a worn reader on the bus."""
    with PadOnBus(Faults.parse(["dead-rows=33", "uneven=20"]), 0.01) as bus:
        yield bus
        assert bus.state()["violations"] == []


def reader(bus: PadOnBus, folder: Path | None = None) -> HotplugPad:
    """Return the reader, with the calibrations of a folder."""
    return HotplugPad(
        lambda: get_backend(bus.address),
        512,
        512,
        calibrations=lambda serial: PadCalibration.load(folder, serial) if folder else None,
    )


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what a script gets."""
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return told


def test_typed_values_and_what_the_empty_glass_says(
    bus: PadOnBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file holds the typed resolution, the dead line and the shade."""
    with reader(bus) as pad:
        assert calibrate(Screen(as_json=True), pad, TYPED, tmp_path, Event()) is ExitCode.OK
    told = last_line(capsys)
    assert (told["serial"], told["x_ppi"], told["y_ppi"], told["dead_rows"]) == (SERIAL, 520, 480, [33])
    found = PadCalibration.load(tmp_path, SERIAL)
    assert found is not None
    assert found.column_light[0] - found.column_light[-1] == pytest.approx(20, abs=2)


def test_a_target_of_known_pitch(bus: PadOnBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is asked for after the empty glass, and measured."""

    def lay() -> None:
        with bus.device.changed:
            assert bus.device.changed.wait_for(lambda: bus.device.mode == Mode.AWAIT_FINGER_ON, 30)
        bus.device.put_finger(target(530, 490, 1.0, 3))

    laying = Thread(target=lay)
    laying.start()
    with reader(bus) as pad:
        assert calibrate(Screen(as_json=True), pad, Wanted(1.0, 512, 512), tmp_path, Event()) is ExitCode.OK
    laying.join()
    told = last_line(capsys)
    assert (told["x_ppi"], told["y_ppi"]) == pytest.approx((530, 490), abs=1)


def test_after_calibration_the_reader_passes_its_test(
    bus: PadOnBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before: dead line, after: filled; the picture is written."""
    with reader(bus) as pad:
        assert self_test(Screen(as_json=True), pad, tmp_path / "before.png", Event()) is ExitCode.FAILED
        assert last_line(capsys)["rows"] == [33]
        calibrate(Screen(as_json=True), pad, TYPED, tmp_path, Event())
    with reader(bus, tmp_path) as pad:
        assert self_test(Screen(as_json=True), pad, None, Event()) is ExitCode.OK
    told = last_line(capsys)
    assert told["rows"] == []
    assert told["checks"]["kiosk_reader_unevenness"][0] < 6
    picture = cv2.imread(str(tmp_path / "before.png"))
    assert picture is not None
    assert (picture[33] == (0, 0, 255)).all()


def test_a_table_for_people(bus: PadOnBus, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts with values and units; what to do comes first, in both languages."""
    monkeypatch.setenv("COLUMNS", "200")
    with reader(bus) as pad:
        assert self_test(Screen(), pad, None, Event()) is ExitCode.FAILED
    out = capsys.readouterr().out
    assert out.index("Lau sạch mặt kính") < out.index("kiosk_reader_noise")
    assert "Wipe the glass" in out
    assert "1 lines, at most 0 is allowed" in out


def test_a_dirty_glass_is_not_calibrated(bus: PadOnBus, tmp_path: Path) -> None:
    """What lies there would be taken off every later picture; no file is written."""

    class Dirty(HotplugPad):
        def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
            """Let something come down on the glass right after it was empty."""
            super().wait_for_lift(deadline, cancelled)
            bus.device.put_finger(synthetic_finger(5))

    with Dirty(lambda: get_backend(bus.address), 512, 512) as pad, pytest.raises(GlassNotEmpty):
        calibrate(Screen(as_json=True), pad, TYPED, tmp_path, Event())
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written(bus: PadOnBus, tmp_path: Path) -> None:
    """The test says so."""
    with reader(bus) as pad, pytest.raises(PictureNotSaved):
        self_test(Screen(as_json=True), pad, tmp_path / "no" / "such.png", Event())


def test_dead_lines_that_were_calibrated_do_not_show_in_prints(bus: PadOnBus, tmp_path: Path) -> None:
    """A finger on the calibrated reader has no black line."""
    with reader(bus) as pad:
        calibrate(Screen(as_json=True), pad, TYPED, tmp_path, Event())
    bus.device.put_finger(synthetic_finger(5))
    with reader(bus, tmp_path) as pad:
        deadline = time.monotonic() + 30
        pad.wait_for_finger(deadline, Event())
        pixels = pad.next_frame(deadline, Event()).pixels
    assert np.abs(pixels[33].astype(int) - pixels[32]).mean() < 40
