"""Keeping exposure, white balance and focus still while the portrait is taken, where the camera can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from agent.devices.seams import FrameSource

FACT = "camera controls"
NOT_OFFERED = "not offered by this source"


@runtime_checkable
class Lockable(Protocol):
    """A frame source that can be asked to stop regulating itself. Asking returns at once and never fails."""

    def lock(self, *, on: bool) -> None:
        """Ask for the present exposure, white balance and focus to stay, or to be regulated again."""
        ...

    def locked(self) -> str:
        """Say what came of it: each control by name, locked or refused."""
        ...


class SeriesLock:
    """The lock of one series of frames; does nothing on a source that has none."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source if isinstance(source, Lockable) else None
        self._on = False
        self._told = NOT_OFFERED if self._source is None else "never locked: the gates did not hold"

    def hold(self, on: bool) -> None:
        """Lock, or let go; asking twice for the same is nothing."""
        if self._source is None or on == self._on:
            return
        if not on:
            self._told = "let go: the gates held no longer"
        self._on = on
        self._source.lock(on=on)

    def facts(self) -> dict[str, str]:
        """Return the fact for the evidence."""
        return {FACT: self._source.locked() if self._source is not None and self._on else self._told}


@contextmanager
def series_lock(source: FrameSource) -> Iterator[SeriesLock]:
    """Give the camera back its regulation after the series, however that ends."""
    lock = SeriesLock(source)
    try:
        yield lock
    finally:
        lock.hold(False)
