"""The seam between a challenge and the screen that shows its colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Rgb = tuple[int, int, int]


class Screen(Protocol):
    """A screen that can fill itself with a colour, and tells when it did."""

    @property
    def flashes(self) -> bool:
        """Somebody is there who said that they can show colours."""
        ...

    def show(self, colours: Sequence[Rgb], hold_ms: int) -> None:
        """Order dark, then each colour (0..255), each for `hold_ms`, then dark; returns at once."""
        ...

    def shown_s(self) -> tuple[float, ...] | None:
        """When the last order's dark, colours and dark were shown (time.monotonic()); None until that is told."""
        ...


class NoScreen:
    """Where no screen is."""

    flashes = False

    def show(self, colours: Sequence[Rgb], hold_ms: int) -> None:
        """Show nothing."""

    def shown_s(self) -> tuple[float, ...] | None:
        """Tell nothing."""
        return None
