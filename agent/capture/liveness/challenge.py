"""What a person is asked to do and what the screen shows: drawn from a seed, the same for whoever draws it again.

The drawing is SHA-256 over a counter, so that a collector in another language comes to the same challenge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

SEED_BYTES = 16
DOMAIN = b"kiosk-liveness-v1"
# WCAG 2.3.1 allows three flashes a second; a flash is a pair of changes, and we count each change as one.
MOST_CHANGES_PER_S = 3.0
HOLD_S = 0.34

Item = TypeVar("Item")


class Turn(StrEnum):
    """A head turn as the person does it: left and right are their own."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"


class Colour(StrEnum):
    """A colour of the screen. None is a saturated red (WCAG 2.3.1: red share of 0.8 or more)."""

    GREEN = "green"
    BLUE = "blue"
    CYAN = "cyan"
    MAGENTA = "magenta"
    YELLOW = "yellow"


# Red, green and blue of the screen, 0..1.
LIGHT: Mapping[Colour, tuple[float, float, float]] = MappingProxyType(
    {
        Colour.GREEN: (0.0, 1.0, 0.0),
        Colour.BLUE: (0.0, 0.0, 1.0),
        Colour.CYAN: (0.0, 1.0, 1.0),
        Colour.MAGENTA: (1.0, 0.0, 1.0),
        Colour.YELLOW: (1.0, 1.0, 0.0),
    }
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """Head turns in their order, and the colours that follow a dark screen, each for HOLD_S."""

    turns: tuple[Turn, ...]
    colours: tuple[Colour, ...]


def draw(seed: bytes, turns: int, colours: int) -> Challenge:
    """Return the challenge of a seed: no turn and no colour twice running, and red, green and blue each lit once.

    Raises ValueError for a seed that is not SEED_BYTES long, or for a single colour, which cannot light all three.
    """
    if len(seed) != SEED_BYTES or turns < 0 or colours < 0 or colours == 1:
        raise ValueError("not the seed or the size of a challenge")
    numbers = _numbers(seed)
    asked = _sequence(numbers, tuple(Turn), turns)
    shown = _sequence(numbers, tuple(Colour), colours)
    while colours and not _lights_all(shown):
        shown = _sequence(numbers, tuple(Colour), colours)
    return Challenge(asked, shown)


def _numbers(seed: bytes) -> Iterator[int]:
    """Yield 64-bit numbers without end."""
    counter = 0
    while True:
        yield int.from_bytes(hashlib.sha256(DOMAIN + seed + counter.to_bytes(4)).digest()[:8])
        counter += 1


def _sequence(numbers: Iterator[int], items: Sequence[Item], count: int) -> tuple[Item, ...]:
    drawn: list[Item] = []
    for _ in range(count):
        left = [item for item in items if not drawn or item != drawn[-1]]
        drawn.append(left[next(numbers) % len(left)])
    return tuple(drawn)


def _lights_all(colours: Sequence[Colour]) -> bool:
    return all(any(LIGHT[colour][channel] for colour in colours) for channel in range(3))
