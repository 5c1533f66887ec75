"""Gates decide, everything else is reported."""

from __future__ import annotations

import pytest

from agent.capture.evidence import Check, Evidence, Verdict
from agent.capture.portrait.errors import GateNotRelaxable
from agent.capture.portrait.measures import STILL_ONLY, UNASSESSED, Analysis
from agent.capture.portrait.policy import DEFAULT_GATES, PortraitPolicy, Range
from agent.capture.portrait.special_cases import RELAXABLE, WORDS, Relaxation, SpecialCase
from tests.capture.portrait.analyses import analysis

POLICY = PortraitPolicy()


def _evidence(seen: Analysis, policy: PortraitPolicy = POLICY) -> Evidence:
    return Evidence("portrait", policy.checks(seen))


@pytest.mark.parametrize(
    ("name", "passing", "failing"),
    [
        ("single_face_present", 0.1, 0.11),
        ("inter_eye_distance", 90, 89.9),
        ("kiosk_crop_inside_frame", 0.98, 0.97),
        ("head_pose_yaw", -5, -5.1),
        ("head_pose_yaw", 5, 5.1),
        ("head_pose_pitch", 8, 8.1),
        ("head_pose_roll", -8, -8.1),
        ("under_exposure_prevention", 0.6, 0.61),
        ("over_exposure_prevention", 0.05, 0.06),
        ("illumination_uniformity", 0.25, 0.24),
        ("eyes_open", 0.03, 0.029),
        ("mouth_closed", 0.2, 0.21),
        ("kiosk_crop_height", 539.6, 539.4),
        ("kiosk_eye_contrast", 0.28, 0.27),
        ("kiosk_glasses_glare", 0.03, 0.031),
        ("kiosk_red_eye", 0.2, 0.21),
        ("kiosk_motion_blur", 0.25, 0.26),
        ("kiosk_sharpness", 0.25, 0.24),
        ("background_uniformity", 30.0, 30.1),
    ],
)
def test_each_gate_decides_at_its_threshold(name: str, passing: float, failing: float) -> None:
    """On the native value: the threshold itself passes, the next value beyond it fails the whole stage."""
    assert _evidence(analysis(**{name: passing})).verdict is Verdict.PASSED
    bad = analysis(**{name: failing})
    assert POLICY.failed(bad) == [name]
    assert _evidence(bad).verdict is Verdict.FAILED
    assert name in _evidence(bad).reason


def test_reported_measures_never_fail() -> None:
    """A luminance mean of a dark skin, and all that cannot be assessed, are no gates and no failures."""
    checks = {check.name: check for check in POLICY.checks(analysis(luminance_mean=0.01))}
    reported = [check for name, check in checks.items() if name not in DEFAULT_GATES]
    assert len(reported) == 1 + len(UNASSESSED)
    assert all(not check.gate and check.verdict is Verdict.NOT_ASSESSED and check.reason for check in reported)
    assert checks["luminance_mean"].native == 0.01


def test_a_gate_without_a_value_does_not_pass() -> None:
    """A gate that could not be measured counts against the frame and says "not assessed"."""
    blind = analysis(head_pose_yaw=None)
    assert POLICY.failed(blind) == ["head_pose_yaw"]
    check = {one.name: one for one in POLICY.checks(blind)}["head_pose_yaw"]
    assert (check.verdict, check.gate, check.reason) == (Verdict.NOT_ASSESSED, True, "not seen")


def test_a_gate_on_an_unknown_measure_is_not_assessed() -> None:
    """A policy that names what nobody measures never passes, and the record shows the name."""
    policy = PortraitPolicy({"beauty": Range(low=0.5)})
    assert policy.failed(analysis()) == ["beauty"]
    assert Check("beauty", Verdict.NOT_ASSESSED, "not measured") in policy.checks(analysis())


def test_gates_of_the_still_do_not_hold_up_the_preview() -> None:
    """Background is measured on the still only: missing on a preview it is no failure, bad on a still it is."""
    still = analysis(background_uniformity=31.0)
    preview = Analysis(1, {name: one for name, one in still.measures.items() if name not in STILL_ONLY})
    assert POLICY.failed(preview) == []
    assert POLICY.failed(still) == ["background_uniformity"]


def test_all_gates_fail_without_a_face() -> None:
    """No face, no gate holds."""
    assert POLICY.failed(Analysis(0)) == [name for name in DEFAULT_GATES if name not in STILL_ONLY]


def _relaxed(*cases: SpecialCase) -> PortraitPolicy:
    return POLICY.relaxed(*(Relaxation(case, "supervisor-7") for case in cases))


def test_a_relaxed_gate_does_not_hold_up_and_never_passes() -> None:
    """Closed eyes of somebody who cannot open them: not assessed, with the case and the value; the rest decides."""
    closed, policy = analysis(eyes_open=0.01, kiosk_eye_contrast=0.1), _relaxed(SpecialCase.CLOSED_EYE)
    assert POLICY.failed(closed) == ["eyes_open", "kiosk_eye_contrast"]
    assert policy.failed(closed) == []
    checks = {check.name: check for check in policy.checks(closed)}
    for name in ("eyes_open", "kiosk_eye_contrast"):
        assert (checks[name].verdict, checks[name].gate) == (Verdict.NOT_ASSESSED, True)
        assert checks[name].reason.startswith("relaxed for closed eye: ")
        assert checks[name].native is not None
    assert _evidence(closed, policy).verdict is Verdict.NOT_ASSESSED
    assert _evidence(analysis(eyes_open=0.01, mouth_closed=0.9), policy).verdict is Verdict.FAILED


def test_a_relaxed_gate_that_holds_passes_as_ever() -> None:
    """Relaxing takes nothing away from what is good."""
    checks = {check.name: check for check in _relaxed(SpecialCase.TREMOR).checks(analysis())}
    assert checks["kiosk_sharpness"].verdict is Verdict.PASSED


def test_several_cases_add_up() -> None:
    """Tremor and a closed eye: both sets of gates."""
    policy = _relaxed(SpecialCase.TREMOR, SpecialCase.CLOSED_EYE)
    assert policy.failed(analysis(eyes_open=0.0, kiosk_sharpness=0.0, head_pose_roll=20.0)) == []


@pytest.mark.parametrize("case", list(SpecialCase))
def test_what_makes_a_picture_useless_is_never_relaxed(case: SpecialCase) -> None:
    """Number of faces, size, framing and exposure stay in force in every case; each case has words and real gates."""
    assert RELAXABLE[case] <= set(DEFAULT_GATES)
    assert WORDS[case].vi
    for gate in ("single_face_present", "kiosk_crop_height", "kiosk_crop_inside_frame", "under_exposure_prevention"):
        with pytest.raises(GateNotRelaxable, match=gate):
            Relaxation(case, "supervisor-7", frozenset({gate}))


@pytest.mark.parametrize("nobody", ["", "  "])
def test_nobody_relaxes_without_a_supervisor(nobody: str) -> None:
    """A relaxation has a name behind it."""
    with pytest.raises(GateNotRelaxable):
        Relaxation(SpecialCase.TREMOR, nobody)


def test_a_part_of_a_case_can_be_relaxed() -> None:
    """Only the roll of a tilted head: the yaw stays in force."""
    policy = POLICY.relaxed(Relaxation(SpecialCase.HEAD_TILT, "supervisor-7", frozenset({"head_pose_roll"})))
    assert policy.failed(analysis(head_pose_roll=20.0, head_pose_yaw=20.0)) == ["head_pose_yaw"]


def test_a_narrowed_range_is_inside() -> None:
    """Both limits move inwards by the share of their own size; an open side stays open."""
    assert Range(-5, 5).narrowed(0.1) == Range(-4.5, 4.5)
    assert Range(low=540).narrowed(0.5) == Range(low=810)
    assert Range(high=0.2).narrowed(0.5) == Range(high=0.1)
