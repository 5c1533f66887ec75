"""How many head turns and colours are asked for, and how long people have; the thresholds belong to the rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """`turns_alone` are asked where there is no flash. Times are seconds; `tries` counts whole challenges.

    `lag_s` is the least and the most time between the screen showing a colour and the camera's frame of it.
    """

    turns: int = 2
    turns_alone: int = 3
    colours: int = 5
    tries: int = 3
    face_within_s: float = 10.0
    turn_within_s: float = 6.0
    screen_within_s: float = 3.0
    lag_s: tuple[float, float] = (-0.05, 0.15)
