"""The hard gates: each limit by hand, then pictures that must be refused whatever their score."""

from dataclasses import replace

import pytest
from firmware_mocks.fingers import Pattern, master, natural, press

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.quality.assessment import assess
from agent.capture.fingerprint.quality.errors import BlankPrint, TooLittlePrint
from agent.capture.fingerprint.quality.gates import (
    CONTRAST,
    FOREGROUND,
    RIDGES,
    SMEAR,
    GateLimits,
    gates,
    gates_of_unmeasured,
    streaks,
)
from tests.capture.fingerprint.quality.prints import (
    NIST_PRINTS,
    PATTERN,
    faded,
    finger,
    partial,
    ridge_pattern,
    skin,
    smeared,
)

GOOD = {
    "UniformImage": 60.0,
    "EmptyImageOrContrastTooLow": 150.0,
    "SufficientFingerprintForeground": 90_000.0,
    "LCS_Bin10_Mean": 0.75,
    "OCL_Bin10_Mean": 0.7,
    "OrientationMap_ROIFilter_CoherenceRel": 0.6,
    **{f"FDA_Bin10_{number}": 10.0 for number in range(10)},
}
NAMES = [CONTRAST, FOREGROUND, RIDGES, SMEAR]


def failed(checks: tuple[Check, ...]) -> list[str]:
    """Return the names of the gates that failed."""
    return [check.name for check in checks if check.verdict is Verdict.FAILED]


def test_a_good_print_passes_all_four() -> None:
    """Each gate is a check that decides, with its native value."""
    checks = gates(GOOD, 0.3)
    assert [check.name for check in checks] == NAMES
    assert {check.verdict for check in checks} == {Verdict.PASSED}
    assert all(check.gate and check.native is not None and not check.reason for check in checks)


@pytest.mark.parametrize(
    ("measure", "bad", "allowed", "gate"),
    [
        ("UniformImage", 7.9, 8.0, CONTRAST),
        ("EmptyImageOrContrastTooLow", 250.1, 250.0, CONTRAST),
        ("SufficientFingerprintForeground", 49_999.0, 50_000.0, FOREGROUND),
        ("LCS_Bin10_Mean", 0.36, 0.361, RIDGES),
        ("OCL_Bin10_Mean", 0.30, 0.301, RIDGES),
        ("OrientationMap_ROIFilter_CoherenceRel", 0.24, 0.241, RIDGES),
        ("LCS_Bin10_Mean", float("nan"), 1.0, RIDGES),
    ],
)
def test_each_limit(measure: str, bad: float, allowed: float, gate: str) -> None:
    """One value over its limit fails one gate, with a reason that names the value; at the limit it holds."""
    checks = gates(GOOD | {measure: bad}, 0.3)
    assert failed(checks) == [gate]
    assert "needed" in checks[NAMES.index(gate)].reason or "allowed" in checks[NAMES.index(gate)].reason
    assert failed(gates(GOOD | {measure: allowed}, 0.3)) == []


def test_streaks_by_hand() -> None:
    """Thirty of 120 blocks without a ridge wave, 60 % of the flow one way: 0.15 is above 0.14."""
    streaked = GOOD | {"FDA_Bin10_9": 30.0}
    assert streaks(streaked, 0.6) == pytest.approx(30 / 120 * 0.6)
    assert failed(gates(streaked, 0.6)) == [SMEAR]
    assert failed(gates(streaked, 0.5)) == []


def test_too_many_blocks_without_ridges_are_refused_whatever_the_flow() -> None:
    """Forty of 130 is above 0.30; a slide that leaves ridges of all directions has no main one."""
    (smear,) = [one for one in gates(GOOD | {"FDA_Bin10_9": 40.0}, 0.0) if one.name == SMEAR]
    assert (smear.verdict, smear.reason) == (
        Verdict.FAILED,
        "0.31 of the print has no ridges, at most 0.3 is allowed",
    )
    assert failed(gates(GOOD | {"FDA_Bin10_9": 38.0}, 0.0)) == []


def test_limits_are_policy() -> None:
    """An operation may set its own."""
    assert failed(gates(GOOD, 0.3, GateLimits(min_foreground_px=100_000))) == [FOREGROUND]


@pytest.mark.parametrize(("cause", "gate"), [(BlankPrint("x"), CONTRAST), (TooLittlePrint("y"), FOREGROUND)])
def test_what_was_not_measured_is_not_assessed(cause: BlankPrint | TooLittlePrint, gate: str) -> None:
    """Only the gate behind the cause fails; the others say that they were not assessed, and why."""
    checks = gates_of_unmeasured(cause)
    assert [check.name for check in checks] == NAMES
    assert failed(checks) == [gate]
    assert all(check.reason for check in checks)


@pytest.mark.parametrize("grain", [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_plain_skin_is_refused(grain: float, seed: int) -> None:
    """Skin without ridges, fine to coarse, is never a print."""
    assert assess(skin(grain, seed)).refused


@pytest.mark.parametrize("name", [*NIST_PRINTS, PATTERN])
def test_a_clean_print_is_not_refused(name: str) -> None:
    """The gates let good prints through."""
    assert failed(assess(finger(name)).checks) == []


@pytest.mark.parametrize("name", [*NIST_PRINTS, PATTERN])
def test_a_partial_print_is_refused_by_its_area(name: str) -> None:
    """Whatever its score, which may still be fair."""
    assert failed(assess(partial(finger(name), 0.45)).checks) == [FOREGROUND]


@pytest.mark.parametrize("name", NIST_PRINTS)
def test_a_smeared_print_is_refused(name: str) -> None:
    """Dragged over 31 and 61 pixels (1.6 and 3.1 mm) along the columns."""
    assert SMEAR in failed(assess(smeared(finger(name), 31)).checks)
    assert SMEAR in failed(assess(smeared(finger(name), 61)).checks)


@pytest.mark.parametrize("pattern", Pattern)
def test_a_finger_that_slid_16_pixels_is_refused_and_the_same_touch_without_it_is_not(pattern: Pattern) -> None:
    """0.8 mm, the person's natural touch; the slide alone makes the difference. bench/refusals.py has many more."""
    for seed in (11, 12):
        finger_there, touch = master(seed, pattern), natural(seed)
        assert failed(assess(press(finger_there, touch)).checks) == []
        assert SMEAR in failed(assess(press(finger_there, replace(touch, smear_px=16))).checks)


def test_a_faded_print_is_refused_by_its_contrast() -> None:
    """The score hardly falls, the gate does not care."""
    assert failed(assess(faded(ridge_pattern(), 0.05)).checks) == [CONTRAST]
