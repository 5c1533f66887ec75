"""`kiosk pad calibrate` and `kiosk pad test`: for technicians, with nothing on the glass but what is asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import cv2
import numpy as np

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.reader_health import Health, reader_health
from agent.capture.fingerprint.target import Resolution, resolution_of_target
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.devices.fingerprint_pad_calibration import PadCalibration
from agent.devices.fingerprint_pad_hotplug import HotplugPad
from agent.devices.seams import FingerImage
from agent.words import KioskError, Words

FRAMES = 12
TARGET_FRAMES = 4
# For a person to clear the glass or to lay the target down.
STEP_S = 60.0
FRAMES_S = 30.0
COLUMNS = ("Tên · Name", "Trị số · Value", "Đơn vị · Unit", "Kết quả · Verdict", "Lý do · Reason")

CLEAR = Words("Lau sạch mặt kính và để trống.", "Wipe the glass and leave it empty.")
LAY = Words(
    "Ép phẳng mẫu kẻ ô lên mặt kính và giữ yên.", "Press the target of crossed lines flat on the glass and hold it."
)


class GlassNotEmpty(KioskError):
    """Something lies on the glass, or it is dirty; `detail` has what was measured."""

    code = "pad.glass_not_empty"
    words = Words("Mặt kính đầu đọc không trống hoặc bị bẩn.", "The reader's glass is not empty, or dirty.")
    remedy = Words("Lau sạch mặt kính, bỏ tay ra rồi thử lại.", "Wipe the glass, keep hands off and try again.")


class PictureNotSaved(KioskError):
    """The picture of the self-test cannot be written; `detail` has the system's word."""

    code = "pad.picture_not_saved"
    words = Words("Không ghi được ảnh kiểm tra.", "The picture of the test cannot be written.")
    remedy = Words("Kiểm tra đường dẫn --picture.", "Check the path of --picture.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the resolution is found: from a target of `pitch_mm`, or as typed or configured (pixels per inch)."""

    pitch_mm: float | None
    x_ppi: float
    y_ppi: float


def calibrate(screen: Screen, pad: HotplugPad, wanted: Wanted, folder: Path, cancelled: Event) -> ExitCode:
    """Measure this reader and write its calibration; `pad` must not correct its pictures yet.

    Raises GlassNotEmpty, TargetNotSeen, NoPadSerial, CalibrationUnwritten or DeviceError.
    """
    health = _empty_glass(screen, pad, cancelled)
    empty = next(check for check in health.checks if check.name == "kiosk_reader_glass_empty")
    if empty.verdict is Verdict.FAILED:
        raise GlassNotEmpty(empty.reason)
    found = Resolution(wanted.x_ppi, wanted.y_ppi)
    if wanted.pitch_mm is not None:
        found = _target(screen, pad, wanted.pitch_mm, cancelled)
    made = PadCalibration(
        pad.serial,
        found.x_ppi,
        found.y_ppi,
        health.dead_rows,
        health.dead_columns,
        health.row_light,
        health.column_light,
    )
    _tell(screen, made, made.save(folder))
    return ExitCode.OK


def self_test(screen: Screen, pad: HotplugPad, picture: Path | None, cancelled: Event) -> ExitCode:
    """Measure the reader as it is used (with its calibration, if it has one) and print a verdict on each value."""
    health = _empty_glass(screen, pad, cancelled)
    if picture is not None:
        _save(health, picture)
    if screen.as_json:
        values = {check.name: (check.native, check.unit, str(check.verdict), check.reason) for check in health.checks}
        screen.json({"serial": pad.serial, "rows": health.dead_rows, "columns": health.dead_columns, "checks": values})
    else:
        rows = [(one.name, f"{one.native or 0:.4g}", one.unit, str(one.verdict), one.reason) for one in health.checks]
        screen.table(f"Đầu đọc vân tay · Fingerprint reader {pad.serial}", COLUMNS, rows)
    failed = any(check.verdict is Verdict.FAILED for check in health.checks)
    return ExitCode.FAILED if failed else ExitCode.OK


def _empty_glass(screen: Screen, pad: HotplugPad, cancelled: Event) -> Health:
    screen.say(CLEAR)
    pad.wait_for_lift(time.monotonic() + STEP_S, cancelled)
    return reader_health(_frames(pad, FRAMES, cancelled))


def _target(screen: Screen, pad: HotplugPad, pitch_mm: float, cancelled: Event) -> Resolution:
    screen.say(LAY)
    pad.wait_for_finger(time.monotonic() + STEP_S, cancelled)
    frames = _frames(pad, TARGET_FRAMES, cancelled)
    # The first frames often show the target still coming down.
    mean = np.mean([frame.pixels for frame in frames[1:]], axis=0)
    return resolution_of_target(np.rint(mean).astype(np.uint8), pitch_mm)


def _frames(pad: HotplugPad, count: int, cancelled: Event) -> list[FingerImage]:
    deadline = time.monotonic() + FRAMES_S
    return [pad.next_frame(deadline, cancelled) for _ in range(count)]


def _tell(screen: Screen, made: PadCalibration, path: Path) -> None:
    if screen.as_json:
        told = {"serial": made.serial, "x_ppi": made.x_ppi, "y_ppi": made.y_ppi, "file": str(path)}
        screen.json(told | {"dead_rows": made.dead_rows, "dead_columns": made.dead_columns})
        return
    rows = [
        ("x_ppi", f"{made.x_ppi:.1f}"),
        ("y_ppi", f"{made.y_ppi:.1f}"),
        ("dead rows", ", ".join(map(str, made.dead_rows)) or "—"),
        ("dead columns", ", ".join(map(str, made.dead_columns)) or "—"),
        ("file", str(path)),
    ]
    screen.table(f"Hiệu chuẩn · Calibration {made.serial}", ("Tên · Name", "Trị số · Value"), rows)


def _save(health: Health, path: Path) -> None:
    try:
        path.write_bytes(cv2.imencode(".png", health.picture())[1].tobytes())
    except OSError as error:
        raise PictureNotSaved(f"{path}: {error.strerror}") from error
