"""Gates do not depend on the skin, on a head of known truth: three tones, same light, same exposure, same verdicts.

`test_fairness.py` recolours photographs in 2D; here the renderer lights a head whose skin reflects less.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from firmware_mocks.head import Camera, Renderer, Skin, Subject

from agent.capture.evidence import Verdict
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.policy import PortraitPolicy

POLICY = PortraitPolicy()
TONES = (Skin.LIGHT, Skin.BROWN, Skin.DARK)
GOOD = Subject(distance_mm=630)
# What is wrong, and the gate that must say so in every tone.
FAULTS = {
    "no light": (replace(GOOD, exposure=0.12), "under_exposure_prevention"),
    "turned": (replace(GOOD, yaw=15), "head_pose_yaw"),
    "tilted": (replace(GOOD, roll=14), "head_pose_roll"),
    "far": (replace(GOOD, distance_mm=1100), "kiosk_crop_height"),
    "eyes shut": (replace(GOOD, eyes_closed=1.0), "kiosk_eye_contrast"),
    "out of focus": (replace(GOOD, blur_px=3.0), "kiosk_sharpness"),
}


@pytest.fixture(name="renderer", scope="module")
def renderer_fixture() -> Renderer:
    """Return one renderer, which keeps its geometry between pictures."""
    return Renderer(Camera())


def _verdicts(analyser: Analyser, renderer: Renderer, subject: Subject, tone: Skin) -> dict[str, Verdict]:
    analysis = analyser.inspect(renderer.render(replace(subject, skin=tone)).exposed()).analysis
    return {check.name: check.verdict for check in POLICY.checks(analysis) if check.gate}


@pytest.mark.parametrize("light", [0.0, 0.3])
@pytest.mark.parametrize("exposure", [0.8, 1.0, 1.2])
def test_a_good_portrait_passes_in_every_tone(
    analyser: Analyser, renderer: Renderer, light: float, exposure: float
) -> None:
    """Within what a kiosk's lamp and automatic exposure give; every gate, every tone."""
    subject = replace(GOOD, exposure=exposure, light_strength=light)
    for tone in TONES:
        found = _verdicts(analyser, renderer, subject, tone)
        assert set(found.values()) == {Verdict.PASSED}, (tone, found)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_fails_in_every_tone(analyser: Analyser, renderer: Renderer, fault: str) -> None:
    """The same gate says so for everybody."""
    subject, gate = FAULTS[fault]
    assert [_verdicts(analyser, renderer, subject, tone)[gate] for tone in TONES] == [Verdict.FAILED] * len(TONES)
