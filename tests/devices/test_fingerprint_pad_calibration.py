"""The calibration of one reader: its file, what it does to pictures, and that the driver uses it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.frame import RECORDED, delivered
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.usbip.backend import get_backend
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.errors import DeviceError
from agent.devices.fingerprint_pad_calibration import PadCalibration, path_of
from agent.devices.fingerprint_pad_errors import CalibrationUnreadable, CalibrationUnwritten, NoPadSerial
from agent.devices.fingerprint_pad_frame import HEIGHT, WIDTH
from agent.devices.fingerprint_pad_hotplug import HotplugPad

SERIAL = "{6D6F636B-0000-4000-8000-000000004500}"
FINGER = synthetic_finger(3)


def made(serial: str = SERIAL) -> PadCalibration:
    """Return a calibration with something of everything."""
    rows, columns = np.linspace(-3, 3, HEIGHT), np.linspace(-8, 8, WIDTH)
    return PadCalibration(
        serial, 511.5, 498.25, (7, 8, 200), (0, 383), rows.astype(np.float32), columns.astype(np.float32)
    )


class TestFile:
    """Kept per serial; believed only when it is whole and fits."""

    def test_round_trip(self, tmp_path: Path) -> None:
        """What was saved is loaded; the folder is made; no scratch file stays."""
        path = made().save(tmp_path / "new" / "folder")
        found = PadCalibration.load(path.parent, SERIAL)
        assert found is not None
        assert (found.x_ppi, found.y_ppi, found.dead_rows, found.dead_columns) == (511.5, 498.25, (7, 8, 200), (0, 383))
        assert found.row_light == pytest.approx(made().row_light, abs=0.01)
        assert list(path.parent.iterdir()) == [path]
        assert path.stat().st_size < 16_000

    def test_no_file_is_no_calibration(self, tmp_path: Path) -> None:
        """A new reader, or one without a serial number, is uncalibrated."""
        assert PadCalibration.load(tmp_path, SERIAL) is None
        assert PadCalibration.load(tmp_path, "") is None
        assert PadCalibration.load(tmp_path, "{}") is None

    def test_a_reader_without_serial_cannot_be_saved(self, tmp_path: Path) -> None:
        """Its file would be another's, too."""
        with pytest.raises(NoPadSerial):
            made("").save(tmp_path)

    @given(st.text(max_size=40))
    def test_no_serial_leaves_the_folder(self, serial: str) -> None:
        """A reader's serial is hostile input: it names a file in this folder, or none."""
        try:
            path = path_of(Path("/calibration"), serial)
        except NoPadSerial:
            return
        assert path.parent == Path("/calibration")
        assert path.resolve().parent == Path("/calibration")

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        """The error says so."""
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(CalibrationUnwritten):
            made().save(tmp_path / "file")

    @pytest.mark.parametrize(
        "change",
        [
            {"x_ppi": 0},
            {"y_ppi": 1e9},
            {"x_ppi": "512"},
            {"version": 2},
            {"dead_rows": [290]},
            {"dead_columns": [-1]},
            {"dead_rows": list(range(17))},
            {"row_light": [0.0]},
            {"column_light": [999.0] * WIDTH},
            {"serial": "another"},
            {"extra": 1},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_cannot_be_is_refused(self, tmp_path: Path, change: dict[str, object]) -> None:
        """Each wrong value is an error, not a wrong picture."""
        path = made().save(tmp_path)
        told = json.loads(path.read_text(encoding="utf-8")) | change
        path.write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(CalibrationUnreadable):
            PadCalibration.load(tmp_path, SERIAL)

    def test_a_file_cut_short_anywhere_is_refused(self, tmp_path: Path) -> None:
        """At 200 places of it."""
        path = made().save(tmp_path)
        data = path.read_bytes()
        for size in range(0, len(data), max(1, len(data) // 200)):
            path.write_bytes(data[:size])
            with pytest.raises(CalibrationUnreadable):
                PadCalibration.load(tmp_path, SERIAL)

    @pytest.mark.parametrize("error", [NoPadSerial, CalibrationUnreadable, CalibrationUnwritten])
    def test_errors_speak_both_languages(self, error: type[DeviceError]) -> None:
        """With a remedy of their own."""
        assert error.words.vi
        assert error.words.en
        assert error.remedy != DeviceError.remedy


class TestCorrection:
    """What becomes of a picture."""

    def test_nothing_to_do_changes_nothing(self) -> None:
        """Not a single pixel."""
        assert np.array_equal(PadCalibration("x", 500, 500).corrected(FINGER), FINGER)

    def test_uneven_light_is_taken_off(self) -> None:
        """A shaded picture comes back as it was, within a grey of rounding, where nothing was cut off."""
        even = np.clip(FINGER, 20, 235).astype(np.uint8)
        known = PadCalibration("x", 500, 500, (), (), made().row_light, made().column_light)
        shaded = np.rint(even + known.row_light[:, None] + known.column_light[None, :]).astype(np.uint8)
        assert np.abs(known.corrected(shaded).astype(int) - even).max() <= 1

    @pytest.mark.parametrize("rows", [(0,), (289,), (4, 5, 6), (0, 1, 288, 289)])
    def test_dead_rows_are_filled_from_their_neighbours(self, rows: tuple[int, ...]) -> None:
        """On a ramp the straight line is exact inside, and the nearest row counts at the edge; the rest stays."""
        ramp = np.repeat(np.linspace(20, 220, HEIGHT).astype(np.uint8)[:, None], WIDTH, axis=1)
        broken = ramp.copy()
        broken[list(rows)] = 0
        filled = PadCalibration("x", 500, 500, rows).corrected(broken)
        assert np.abs(filled.astype(int) - ramp).max() <= 2
        alive = np.setdiff1d(np.arange(HEIGHT), rows)
        assert np.array_equal(filled[alive], ramp[alive])

    def test_dead_columns_as_well(self) -> None:
        """The same the other way."""
        broken = FINGER.copy()
        broken[:, 100] = 0
        filled = PadCalibration("x", 500, 500, (), (100,)).corrected(broken)
        middle = (FINGER[:, 99].astype(float) + FINGER[:, 101]) / 2
        assert np.abs(filled[:, 100] - middle).max() <= 0.5


class TestDriver:
    """On the wire."""

    def test_the_reader_with_this_serial_is_corrected(self, tmp_path: Path) -> None:
        """Resolution and dead lines of the file, found by the serial that the reader states."""
        PadCalibration(SERIAL, 530, 470, (11,), (300,)).save(tmp_path)
        faults = Faults.parse(["dead-rows=11", "dead-columns=300"])
        with (
            PadOnBus(faults, 0.02) as bus,
            HotplugPad(
                lambda: get_backend(bus.address),
                512,
                512,
                calibrations=lambda serial: PadCalibration.load(tmp_path, serial),
            ) as pad,
        ):
            bus.device.put_finger(FINGER)
            pad.wait_for_finger(time.monotonic() + 30, Event())
            image = pad.next_frame(time.monotonic() + 30, Event())
        assert pad.serial == SERIAL
        assert (image.x_ppi, image.y_ppi) == (530, 470)
        raw = delivered(FINGER, RECORDED)
        assert np.abs(image.pixels[11, 1:300].astype(int) - raw[11, 1:300]).mean() < 30
        alive = np.ix_(np.setdiff1d(np.arange(HEIGHT), [11]), np.setdiff1d(np.arange(WIDTH), [300]))
        assert (image.pixels[alive] != raw[alive]).sum() < 10

    def test_a_damaged_file_stops_the_reader_and_lets_go_of_it(self, tmp_path: Path) -> None:
        """Wrong geometry would be worse than none; after it is mended the reader opens."""
        path_of(tmp_path, SERIAL).write_text("{", encoding="utf-8")
        with (
            PadOnBus(None, 0.02) as bus,
            HotplugPad(
                lambda: get_backend(bus.address),
                512,
                512,
                calibrations=lambda serial: PadCalibration.load(tmp_path, serial),
            ) as pad,
        ):
            with pytest.raises(CalibrationUnreadable):
                pad.wait_for_lift(time.monotonic() + 30, Event())
            path_of(tmp_path, SERIAL).unlink()
            pad.wait_for_lift(time.monotonic() + 30, Event())
