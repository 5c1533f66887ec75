"""Turned heads as a renderer makes them: the measured pose has the true sign and size, and the advice turns it back."""

from __future__ import annotations

import pytest
from firmware_mocks.head.renderer import Renderer
from firmware_mocks.head.subject import Subject

from agent.capture.evidence import Guidance
from agent.capture.portrait import guidance
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.guidance import faults
from agent.capture.portrait.policy import PortraitPolicy

# The estimate strays by about 3 degrees, and somewhat more on a turned head.
STRAY_DEG = 5.0


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """Return one renderer; the first picture of a process takes two seconds."""
    return Renderer()


@pytest.mark.parametrize(
    ("yaw", "pitch", "advice"),
    [
        (15.0, 0.0, guidance.LOOK_STRAIGHT),
        (-15.0, 0.0, guidance.LOOK_STRAIGHT),
        (0.0, 14.0, guidance.LOWER_CHIN),
        (0.0, -14.0, guidance.LIFT_CHIN),
    ],
    ids=["to-the-persons-left", "to-the-persons-right", "looking-up", "looking-down"],
)
def test_a_turned_head_is_measured_and_told_how_to_turn_back(
    renderer: Renderer, analyser: Analyser, yaw: float, pitch: float, advice: Guidance
) -> None:
    """Positive yaw is to the person's left, positive pitch upward."""
    analysis = analyser.preview(renderer.render(Subject(yaw=yaw, pitch=pitch, distance_mm=640)).pixels)
    assert analysis.native("head_pose_yaw") == pytest.approx(yaw, abs=STRAY_DEG)
    assert analysis.native("head_pose_pitch") == pytest.approx(pitch, abs=STRAY_DEG)
    assert advice in faults(analysis, PortraitPolicy())
