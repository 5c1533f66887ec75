"""What a series shows without anybody being asked: repeated frames, a looped film, surroundings that go along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.capture.liveness.series import Mark

# A loop shorter than this is a tremor.
SHORTEST_LOOP = 8
# Less movement than this (inter-eye distances) says nothing about loops and surroundings.
LEAST_MOVE = 0.02


def repeated_share(marks: Sequence[Mark]) -> float:
    """Return the share of frames whose very pixels were there before; a living sensor has noise."""
    return 1 - len({mark.digest for mark in marks}) / len(marks) if marks else 0.0


def loop_likeness(marks: Sequence[Mark]) -> float | None:
    """Return how exactly the nose's way repeats itself, 1 for a loop; None where it hardly moved.

    It is 1 minus the least mean distance at any lag over what two places of the way are apart.
    """
    way = np.array([(mark.across, mark.below) for mark in marks if mark.faces])
    if len(way) < 2 * SHORTEST_LOOP or float(way.std(axis=0).max()) < LEAST_MOVE:
        return None
    apart = float(np.sqrt(2) * np.linalg.norm(way.std(axis=0)))
    lags = range(SHORTEST_LOOP, len(way) - SHORTEST_LOOP + 1)
    least = min(float(np.sqrt(np.mean(np.sum((way[lag:] - way[:-lag]) ** 2, axis=1)))) for lag in lags)
    return 1 - least / apart


def surround_motion(marks: Sequence[Mark]) -> float | None:
    """Return the surroundings' change while the face moves over that while it rests; None where it never moves.

    About 1: they have nothing to do with each other, as before a wall. A picture held in the hand takes its own
    surroundings along.
    """
    moving = [mark.moved for mark in marks if mark.face_moved >= LEAST_MOVE]
    resting = [mark.moved for mark in marks if mark.face_moved < LEAST_MOVE]
    if len(moving) < 4 or len(resting) < 4:
        return None
    return float(np.median(moving)) / max(float(np.median(resting)), 0.05)
