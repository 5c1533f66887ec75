"""What was measured of one challenge: everything that the decision rests on, and nothing that it does not need.

All times are milliseconds since the challenge began; places are frame pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.capture.liveness.challenge import Turn

Floats = NDArray[np.float64]
MESH_POINTS = 468


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What is measured in one frame: the landmarks (468 x 3, frame pixels), and light.

    `skin` is the linear light 0..1 at the SKIN landmarks (points x 3, red green blue), `surround` the grey levels of a
    small grid over the whole frame, `digest` names the very pixels. `picture` is a small JPEG of the face.
    """

    faces: int
    mesh: Floats | None = field(default=None, repr=False)
    skin: Floats | None = field(default=None, repr=False)
    surround: Floats | None = field(default=None, repr=False)
    digest: str = ""
    picture: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """One frame of the series: its number and time, the place of the nose between the eyes, and what surrounds it.

    `across` and `below` are the tip of the nose from the eyes' midpoint, along and across the line of the eyes, in
    inter-eye distances; `eyes_px` is that distance. `moved` is the mean change of the grid outside the face, in grey
    levels, and `face_moved` how far the eyes' midpoint went since the frame before, in inter-eye distances.
    """

    number: int
    at_ms: int
    faces: int
    across: float
    below: float
    eyes_px: float
    digest: str
    moved: float
    face_moved: float


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """A head turn that was asked for at `asked_ms`; number and landmarks (468 x 2) of its frame, or none."""

    asked: Turn
    asked_ms: int
    number: int = 0
    points: Floats | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FlashTaken:
    """When the screen said it showed dark, each colour, and dark again; and the skin's light in each frame.

    `light` is frames x points x 3 (red, green, blue; linear, 0..1), with a time for each frame.
    """

    shown_ms: tuple[int, ...]
    at_ms: tuple[int, ...]
    light: Floats = field(repr=False)


@dataclass(frozen=True, slots=True)
class Series:
    """One challenge as it went. `skipped` names what was left out, head_turn or flash, and why.

    `base` holds the landmarks (468 x 3) of the frontal frame before anything was asked. `lag_ms` is the policy's.
    """

    rule: str
    seed: bytes
    turns_asked: int
    colours_asked: int
    marks: tuple[Mark, ...]
    base: Floats | None = field(default=None, repr=False)
    turns: tuple[TurnTaken, ...] = ()
    flash: FlashTaken | None = None
    skipped: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    lag_ms: tuple[int, int] = (-50, 150)


def encode(series: Series) -> dict[str, Any]:  # Any: JSON
    """Return a series for JSON; places are rounded to 0.1 px, light to 1/20000."""
    return {
        "rule": series.rule,
        "seed": series.seed.hex(),
        "turns_asked": series.turns_asked,
        "colours_asked": series.colours_asked,
        "marks": [_row(mark) for mark in series.marks],
        "base": None if series.base is None else _whole(series.base, 10),
        "turns": [
            [one.asked, one.asked_ms, one.number, None if one.points is None else _whole(one.points, 10)]
            for one in series.turns
        ],
        "flash": None
        if series.flash is None
        else [list(series.flash.shown_ms), list(series.flash.at_ms), _whole(series.flash.light, 20_000)],
        "skipped": dict(series.skipped),
        "lag_ms": list(series.lag_ms),
    }


def decode(told: Mapping[str, Any]) -> Series:
    """Return a series from JSON; raise ValueError for anything that is none."""
    try:
        return Series(
            str(told["rule"]),
            bytes.fromhex(told["seed"]),
            int(told["turns_asked"]),
            int(told["colours_asked"]),
            tuple(_mark(*row) for row in told["marks"]),
            None if told["base"] is None else _array(told["base"], 10, (MESH_POINTS, 3)),
            tuple(_turn(*one) for one in told["turns"]),
            None if told["flash"] is None else _flash(*told["flash"]),
            {str(name): str(reason) for name, reason in told["skipped"].items()},
            (int(told["lag_ms"][0]), int(told["lag_ms"][1])),
        )
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError("not a liveness series") from error


def _row(mark: Mark) -> list[object]:
    shares = [round(value, 4) for value in (mark.across, mark.below)]
    moved = [round(value, 3) for value in (mark.moved, mark.face_moved)]
    return [mark.number, mark.at_ms, mark.faces, *shares, round(mark.eyes_px, 1), mark.digest, *moved]


def _mark(*row: Any) -> Mark:
    number, at_ms, faces, across, below, eyes_px, digest, moved, face_moved = row
    return Mark(
        int(number), int(at_ms), int(faces), float(across), float(below), float(eyes_px), str(digest), float(moved),
        float(face_moved),
    )  # fmt: skip


def _turn(asked: str, asked_ms: int, number: int, points: Any) -> TurnTaken:
    found = None if points is None else _array(points, 10, (MESH_POINTS, 2))
    return TurnTaken(Turn(asked), int(asked_ms), int(number), found)


def _flash(shown_ms: Any, at_ms: Any, light: Any) -> FlashTaken:
    times = tuple(int(at) for at in at_ms)
    values = _array(light, 20_000, None)
    if values.ndim != 3 or values.shape[0] != len(times) or values.shape[2] != 3:
        raise ValueError("the flash's light has the wrong shape")
    return FlashTaken(tuple(int(at) for at in shown_ms), times, values)


def _whole(values: Floats, scale: int) -> Any:
    return np.rint(values * scale).astype(int).tolist()


def _array(values: Any, scale: int, shape: tuple[int, ...] | None) -> Floats:
    found = np.asarray(values, np.float64) / scale
    if (shape is not None and found.shape != shape) or not np.isfinite(found).all():
        raise ValueError("numbers of the wrong shape")
    return found
