"""What is known of one fingerprint reader: its resolution, dead lines and uneven light. One small file per serial."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.devices.fingerprint_pad_errors import CalibrationUnreadable, CalibrationUnwritten, NoPadSerial
from agent.devices.fingerprint_pad_frame import HEIGHT, WIDTH
from agent.devices.seams import Pixels

MAX_FILE_BYTES: Final = 64 * 1024
# A line between good ones is made up from them; more than this side by side cannot be.
MAX_DEAD: Final = 16
_UNFIT_IN_NAMES = re.compile(r"[^0-9A-Za-z-]+")

Grey = Annotated[float, Field(ge=-255, le=255)]


class _File(BaseModel):
    """The file's content."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = 1
    serial: str = Field(min_length=1, max_length=126)
    x_ppi: float = Field(ge=250, le=1200, allow_inf_nan=False)
    y_ppi: float = Field(ge=250, le=1200, allow_inf_nan=False)
    dead_rows: list[Annotated[int, Field(ge=0, lt=HEIGHT)]] = Field(default=[], max_length=MAX_DEAD)
    dead_columns: list[Annotated[int, Field(ge=0, lt=WIDTH)]] = Field(default=[], max_length=MAX_DEAD)
    row_light: list[Grey] = Field(min_length=HEIGHT, max_length=HEIGHT)
    column_light: list[Grey] = Field(min_length=WIDTH, max_length=WIDTH)


@dataclass(frozen=True, slots=True)
class PadCalibration:
    """One reader's values, in pixels of the upright 290 x 384 picture.

    `row_light` (290) and `column_light` (384) say how much lighter (greys) each row and column of the empty glass is
    than the whole; both are taken off each picture. Dead rows and columns are filled from their neighbours.
    """

    serial: str
    x_ppi: float
    y_ppi: float
    dead_rows: tuple[int, ...] = ()
    dead_columns: tuple[int, ...] = ()
    row_light: NDArray[np.float32] = field(default_factory=lambda: np.zeros(HEIGHT, np.float32), repr=False)
    column_light: NDArray[np.float32] = field(default_factory=lambda: np.zeros(WIDTH, np.float32), repr=False)

    def corrected(self, pixels: Pixels) -> Pixels:
        """Return the picture as a faultless reader would have given it; the same array when there is nothing to do."""
        even = pixels
        if self.row_light.any() or self.column_light.any():
            lit = pixels - self.row_light[:, None] - self.column_light[None, :]
            even = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
        even = _filled(even, self.dead_rows)
        return np.ascontiguousarray(_filled(even.T, self.dead_columns).T)

    def save(self, folder: Path) -> Path:
        """Write the file, whole or not at all, and return where it is; raises NoPadSerial or CalibrationUnwritten."""
        path = path_of(folder, self.serial)
        scratch = path.with_suffix(".new")
        content = _File(
            serial=self.serial,
            x_ppi=self.x_ppi,
            y_ppi=self.y_ppi,
            dead_rows=list(self.dead_rows),
            dead_columns=list(self.dead_columns),
            row_light=[round(float(grey), 2) for grey in self.row_light],
            column_light=[round(float(grey), 2) for grey in self.column_light],
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with scratch.open("w", encoding="utf-8") as file:
                file.write(content.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except OSError as error:
            raise CalibrationUnwritten(f"{path}: {error.strerror}") from error
        return path

    @classmethod
    def load(cls, folder: Path, serial: str) -> Self | None:
        """Return a reader's calibration, None when it has none; raises CalibrationUnreadable for a damaged file."""
        if not _name(serial):
            return None
        path = path_of(folder, serial)
        told = _read(path)
        if told is None:
            return None
        if told.serial != serial:
            raise CalibrationUnreadable(f"{path}: it is for another reader")
        return cls(
            told.serial,
            told.x_ppi,
            told.y_ppi,
            tuple(told.dead_rows),
            tuple(told.dead_columns),
            np.array(told.row_light, np.float32),
            np.array(told.column_light, np.float32),
        )


def _read(path: Path) -> _File | None:
    try:
        with path.open("rb") as file:
            return _File.model_validate_json(file.read(MAX_FILE_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CalibrationUnreadable(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise CalibrationUnreadable(f"{path}: {'.'.join(map(str, first['loc']))} {first['msg']}") from error


# Finds the calibration of a reader by its serial.
Calibrations = Callable[[str], PadCalibration | None]


def uncalibrated(serial: str) -> None:
    """Know nothing of any reader."""


def path_of(folder: Path, serial: str) -> Path:
    """Return where the calibration of this reader is kept; raises NoPadSerial for a reader without one."""
    name = _name(serial)
    if not name:
        raise NoPadSerial
    return folder / f"pad-{name}.json"


def _name(serial: str) -> str:
    return _UNFIT_IN_NAMES.sub("", serial)


def _filled(pixels: Pixels, dead: tuple[int, ...]) -> Pixels:
    """Fill dead rows by drawing a straight line between the nearest good ones."""
    if not dead:
        return pixels
    good = np.setdiff1d(np.arange(len(pixels)), dead)
    filled = pixels.copy()
    for row in dead:
        after = int(np.searchsorted(good, row))
        low, high = good[max(0, after - 1)], good[min(len(good) - 1, after)]
        share = (row - low) / (high - low) if high > low else 0.0
        filled[row] = np.rint((1 - share) * pixels[low] + share * pixels[high])
    return filled
