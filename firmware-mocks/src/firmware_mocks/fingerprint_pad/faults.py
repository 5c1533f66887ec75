"""What can be wrong with a reader, by `--fault` words or at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from firmware_mocks.fingerprint_pad.frame import RECORDED, Block, layout


class FaultError(ValueError):
    """There is no such fault, or its value makes no sense."""


class Moment(StrEnum):
    """Moments of a session at which something may happen."""

    INIT = "init"
    WAITING = "waiting"
    CAPTURE = "capture"
    BULK = "bulk"
    KEY = "key"
    LIFTING = "lifting"


# Wake-up interrupts in ms after the register write; the first one comes before the write completes, as recorded.
RECORDED_WAKE_MS = (0, 8, 16)


@dataclass(slots=True)
class Faults:
    """How the reader behaves from now on. Counts are used up; the rest stays. The default is a healthy reader."""

    wake_ms: tuple[int, ...] = RECORDED_WAKE_MS
    slow_wake: int = 0
    silent_wakes: int = 0
    reboot_loop: bool = False
    death: int = 0
    warning: int = 0
    short_frames: int = 0
    too_many_lines: int = 0
    damaged: int = 0
    no_frames: bool = False
    plain: bool = False
    lift_in_bulk: bool = False
    stall: int = 0
    unplug_at: Moment | None = None
    unplug_after: int | None = None
    dead_rows: tuple[int, ...] = ()
    dead_columns: tuple[int, ...] = ()
    uneven: int = 0
    layout: list[Block] = field(default_factory=lambda: list(RECORDED))

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read words such as "death", "wake=0,8", "layout=0248 0001"; raises FaultError."""
        faults = cls()
        for word in words:
            faults.set(word)
        return faults

    def set(self, word: str) -> None:
        """Change one behaviour; "healthy" changes all back."""
        name, _, value = word.partition("=")
        if name == "healthy":
            self.__init__()  # type: ignore[misc] # every field to its default
            return
        if name not in READERS:
            raise FaultError(f"no fault {name!r}; there are: {', '.join(NAMES)}")
        try:
            setattr(self, name.replace("-", "_"), READERS[name](value))
        except ValueError as error:
            raise FaultError(f"{name}: {error}") from error


def _count(value: str) -> int:
    return int(value or "1")


def _flag(value: str) -> bool:
    if value not in ("", "on", "off"):
        raise ValueError(f"{value!r} is neither on nor off")
    return value != "off"


def _milliseconds(value: str) -> tuple[int, ...]:
    return tuple(int(piece) for piece in value.split(",")) if value else ()


def _lines(value: str) -> tuple[int, ...]:
    return tuple(int(piece) for piece in value.split(","))


READERS: dict[str, Callable[[str], object]] = {
    "wake-ms": _milliseconds,
    "slow-wake": _count,
    "silent-wakes": _count,
    "reboot-loop": _flag,
    "death": _count,
    "warning": _count,
    "short-frames": _count,
    "too-many-lines": _count,
    "damaged": _count,
    "no-frames": _flag,
    "plain": _flag,
    "lift-in-bulk": _flag,
    "stall": _count,
    "unplug-at": Moment,
    "unplug-after": _count,
    "dead-rows": _lines,
    "dead-columns": _lines,
    "uneven": int,
    "layout": layout,
}
NAMES = (
    "wake-ms=MS,MS,...",
    "slow-wake=N",
    "silent-wakes=N",
    "reboot-loop",
    "death=N",
    "warning=N",
    "short-frames=N",
    "too-many-lines=N",
    "damaged=N",
    "no-frames",
    "plain",
    "lift-in-bulk",
    "stall=N",
    "unplug-at=MOMENT",
    "unplug-after=N",
    "dead-rows=ROW,ROW,...",
    "dead-columns=COLUMN,COLUMN,...",
    "uneven=GREYS",
    "layout=HEX",
    "healthy",
)
