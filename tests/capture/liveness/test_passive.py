"""The passive cues on ways that are known."""

from __future__ import annotations

import numpy as np

from agent.capture.liveness.passive import loop_likeness, repeated_share, surround_motion
from agent.capture.liveness.series import Mark


def marks(across: list[float], moved: list[float] | None = None, face_moved: list[float] | None = None) -> list[Mark]:
    """Return frames whose nose goes this way."""
    still = [0.0] * len(across)
    rows = zip(across, moved or still, face_moved or still, strict=True)
    return [Mark(n, n * 67, 1, x, 0.6, 60.0, f"{n:016x}", m, f) for n, (x, m, f) in enumerate(rows)]


def test_a_looped_way_repeats_itself_and_a_living_one_does_not() -> None:
    """The same 12 frames four times over, and a walk of chance; each with a tenth of noise."""
    dice = np.random.default_rng(1)
    once = np.cumsum(dice.normal(0, 0.05, 12))
    looped = [float(value + dice.normal(0, 0.005)) for value in np.tile(once, 4)]
    walk = [float(value) for value in np.cumsum(dice.normal(0, 0.05, 48))]
    loop, living = loop_likeness(marks(looped)), loop_likeness(marks(walk))
    assert loop is not None
    assert living is not None
    assert loop > living + 0.2, (loop, living)


def test_somebody_who_keeps_still_says_nothing_about_loops() -> None:
    """Not assessed rather than a loop."""
    assert loop_likeness(marks([0.01] * 40)) is None
    assert loop_likeness(marks([0.0, 1.0, 0.0])) is None


def test_repeats_are_counted_by_their_pixels() -> None:
    """Three of four frames were there before."""
    same = marks([0.0] * 4)
    frozen = [Mark(m.number, m.at_ms, 1, 0.0, 0.6, 60.0, "same", 0.0, 0.0) for m in same]
    assert repeated_share(same) == 0
    assert repeated_share(frozen) == 0.75
    assert repeated_share([]) == 0


def test_surroundings_that_go_along_with_the_face_stand_out() -> None:
    """A wall does not care whether the face moves; a picture's own surroundings do."""
    face = [0.0, 0.05] * 10
    wall = surround_motion(marks([0.0] * 20, [0.5] * 20, face))
    along = surround_motion(marks([0.0] * 20, [0.5, 4.0] * 10, face))
    assert wall is not None
    assert along is not None
    assert abs(wall - 1) < 0.01
    assert along > 5
    assert surround_motion(marks([0.0] * 20, [0.5] * 20)) is None
