"""How alike two prints are, 0..1, once they lie on each other as well as they can.

Measured on pairs of synthetic touches as people make them without help (moved, turned, pressed, stretched differently):

| | of 200 pairs of the same finger | of 3800 pairs of different fingers |
|---|---|---|
| `SAME_FROM` 0.54 or more | 70.5 % | none (the largest are 0.52 and 0.49) |
| between the two | 28 % | 9 % |
| below `DIFFERENT_BELOW` 0.36 | 1.5 % | 91 % |

Real skin is harder than this, so among people more of the same fingers will go unnoticed; nothing here was measured on
people. It costs about 0.14 s a pair on one thread.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from agent.capture.fingerprint.matching.alignment import Placement, placements
from agent.capture.fingerprint.matching.patches import Patches, patches
from agent.capture.fingerprint.matching.ridges import SIDE, RidgeMap
from agent.capture.fingerprint.matching.stretch import Field, bent, smoothed

SAME_FROM, DIFFERENT_BELOW = 0.54, 0.36
# So many placements get a first look, and the best of those are followed to the end.
_LOOKS, _FOLLOWED = 14, 2
_FEWEST_AT_FIRST, _FEWEST = 6, 12
_STEP = 12
# Size and reach of the pieces, round by round, and how the stretch is taken from them.
_ROUNDS: tuple[tuple[int, int, Callable[[Patches], Field]], ...] = (
    (32, 6, bent),
    (28, 3, bent),
    (24, 2, lambda found: smoothed(found, 28.0)),
    (24, 2, lambda found: smoothed(found, 18.0)),
)
_LAST_SIZE, _LAST_REACH = 28, 1


def likeness(first: RidgeMap, second: RidgeMap) -> float:
    """Return the likeness of two prints; 0 where they share too little to say anything."""
    looks = sorted(((_first_look(first, second, one), one) for one in placements(first, second)[:_LOOKS]), key=_fit)
    return max((_followed(first, second, one) for fit, one in looks[-_FOLLOWED:] if fit > 0), default=0.0)


def _fit(look: tuple[float, Placement]) -> float:
    return look[0]


def _first_look(first: RidgeMap, second: RidgeMap, place: Placement) -> float:
    found = patches(first, second.moved(place.matrix), size=36, reach=7, step=22)
    return found.mean if found.count >= _FEWEST_AT_FIRST else 0.0


def _followed(first: RidgeMap, second: RidgeMap, place: Placement) -> float:
    """Follow the stretch of the skin and return the mean likeness of the pieces then."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    back = np.asarray(cv2.invertAffineTransform(place.matrix), np.float32)

    def laid_on() -> RidgeMap:
        return second.seen_from(
            back[0, 0] * x + back[0, 1] * y + back[0, 2], back[1, 0] * x + back[1, 1] * y + back[1, 2]
        )

    for size, reach, field in _ROUNDS:
        found = patches(first, laid_on(), size, reach, _STEP)
        if found.count < _FEWEST:
            return 0.0
        right, down = field(found)
        x, y = x + right, y + down
    found = patches(first, laid_on(), _LAST_SIZE, _LAST_REACH, _STEP)
    return found.mean if found.count >= _FEWEST else 0.0
