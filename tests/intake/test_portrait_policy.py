"""The policy's portrait section: defaults, changes to single gates, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.capture.portrait import PortraitPolicy, Range, Reason, SizeLimits, SpecialCase
from agent.capture.portrait.policy import DEFAULT_GATES
from agent.intake.errors import PolicyUnreadable
from agent.intake.policy import Policy, parse_policy
from agent.intake.portrait_policy import CASES, REASONS

DEMO = Path(__file__).resolve().parents[2] / "demo" / "policy.json"
PLAIN: dict[str, Any] = {
    "version": "1",
    "notice": {"id": "n", "version": "1", "vi": "a", "en": "b"},
    "purpose": "p",
    "legal_basis": "l",
    "retention_class": "r",
}


def _parsed(portrait: object) -> Policy:
    return parse_policy(json.dumps(PLAIN | {"portrait": portrait}).encode())


def test_without_a_section_the_documented_gates_are_in_force() -> None:
    """An older policy document judges as before."""
    assert parse_policy(json.dumps(PLAIN).encode()).portrait.policy() == PortraitPolicy()


def test_single_gates_are_replaced_or_taken_out_of_force() -> None:
    """The others stay, in the same order; null makes a measure reported only."""
    gates = {"head_pose_yaw": {"low": -3, "high": 3}, "kiosk_red_eye": None, "inter_eye_distance": {"low": 120}}
    policy = _parsed({"gates": gates, "hold_s": 0.5, "tries": 2, "crop_max_bytes": 50_000}).portrait.policy()
    assert policy.gates["head_pose_yaw"] == Range(-3, 3)
    assert policy.gates["inter_eye_distance"] == Range(low=120)
    assert list(policy.gates) == [name for name in DEFAULT_GATES if name != "kiosk_red_eye"]
    assert (policy.hold_s, policy.tries, policy.limits) == (0.5, 2, SizeLimits(crop=50_000))


@pytest.mark.parametrize(
    ("portrait", "named"),
    [
        ({"gate": {}}, "portrait.gate"),
        ({"gates": {"luminance_mean": {"low": 0.2}}}, "no such gate: luminance_mean"),
        ({"gates": {"head_pose_yaw": {"lowest": 1}}}, "portrait.gates.head_pose_yaw.lowest"),
        ({"gates": {"head_pose_yaw": {}}}, "portrait.gates.head_pose_yaw"),
        ({"gates": {"head_pose_yaw": {"low": 5, "high": -5}}}, "low is above high"),
        ({"hold_s": 0}, "portrait.hold_s"),
        ({"tries": 0}, "portrait.tries"),
        ({"crop_max_bytes": 10}, "portrait.crop_max_bytes"),
        ({"by_hand": ["because"]}, "portrait.by_hand"),
        ({"special_cases": ["hurry"]}, "portrait.special_cases"),
    ],
)
def test_what_is_unknown_or_makes_no_sense_is_refused_by_name(portrait: object, named: str) -> None:
    """A policy is taken whole or not at all, and the error names the key."""
    with pytest.raises(PolicyUnreadable) as caught:
        _parsed(portrait)
    assert named in caught.value.detail


def test_nothing_is_infinite() -> None:
    """JSON readers take NaN and Infinity; a gate does not."""
    document = json.dumps(PLAIN | {"portrait": {"gates": {"head_pose_yaw": {"low": 0}}}}).replace(
        '"low": 0', '"low": NaN'
    )
    with pytest.raises(PolicyUnreadable):
        parse_policy(document.encode())


def test_the_codes_are_all_reasons_and_cases() -> None:
    """Nothing that the capture knows is missing from the policy's list."""
    assert set(REASONS.values()) == set(Reason)
    assert set(CASES.values()) == set(SpecialCase)


def test_the_demos_policy_spells_the_defaults_out() -> None:
    """Whoever writes a policy finds every gate in it."""
    section = parse_policy(DEMO.read_bytes()).portrait
    assert set(section.gates) == set(DEFAULT_GATES)
    assert section.policy() == PortraitPolicy()
