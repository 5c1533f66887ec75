"""The signed policy document, the part that says how fingers are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.capture.fingerprint import FingerprintPolicy, Packing, Reason
from agent.intake.errors import PolicyUnreadable
from agent.intake.fingerprint_stage import fingerprint_policy
from agent.intake.policy import FingerprintRules, Policy, parse_policy

LEAST: dict[str, Any] = {
    "version": "1",
    "notice": {"id": "n", "version": "1", "vi": "Thông báo", "en": "Notice"},
    "purpose": "card exchange",
    "legal_basis": "test",
    "retention_class": "test",
}


def parsed(**fingerprint: Any) -> Policy:
    """Return a policy with this fingerprint section."""
    return parse_policy(json.dumps(LEAST | {"fingerprint": fingerprint}).encode())


def test_without_a_section_bsi_counts() -> None:
    """TR-03121's thresholds for plain enrolment and three attempts, as the capture's own defaults."""
    rules = parse_policy(json.dumps(LEAST).encode()).fingerprint
    assert fingerprint_policy(rules, 60) == FingerprintPolicy()
    assert rules.thresholds.model_dump() == {"thumb": 30, "index": 30, "middle": 20, "ring": 10, "little": 10}


def test_everything_reaches_the_capture() -> None:
    """Attempts, one finger's threshold, photos and doubles; what is not named stays as it was."""
    rules = parsed(
        attempts=2,
        thresholds={"index": 40},
        photo_of=["missing", "bandaged"],
        refuse_doubles=False,
        packing="jpeg2000",
        iso39794=True,
    )
    found = fingerprint_policy(rules.fingerprint, 7)
    assert (found.attempts, found.finger_wait_s, found.refuse_doubles) == (2, 7, False)
    assert found.packing is Packing.JPEG2000
    assert found.data_block
    assert (found.threshold("left_index"), found.threshold("left_thumb")) == (40, 30)
    assert found.photo_of == {Reason.MISSING, Reason.BANDAGED}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_ask_for_a_photo(reason: Reason) -> None:
    """The policy knows the capture's reasons, all of them and by the same words."""
    assert FingerprintRules(photo_of=frozenset({reason.value})).photo_of == {reason.value}


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"atempts": 3}, "fingerprint.atempts"),
        ({"attempts": 0}, "fingerprint.attempts"),
        ({"attempts": 11}, "fingerprint.attempts"),
        ({"thresholds": {"pinky": 10}}, "fingerprint.thresholds.pinky"),
        ({"thresholds": {"index": 101}}, "fingerprint.thresholds.index"),
        ({"photo_of": ["lost"]}, "fingerprint.photo_of"),
        ({"refuse_doubles": "maybe"}, "fingerprint.refuse_doubles"),
        ({"packing": "jpeg"}, "fingerprint.packing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_key_or_value_is_refused_by_name(section: dict[str, Any], named: str) -> None:
    """A misspelt rule must never be taken for the default."""
    with pytest.raises(PolicyUnreadable) as caught:
        parsed(**section)
    assert named in caught.value.detail


def test_the_old_place_of_the_attempts_is_refused() -> None:
    """It would be ignored otherwise."""
    with pytest.raises(PolicyUnreadable, match="finger_attempts"):
        parse_policy(json.dumps(LEAST | {"finger_attempts": 5}).encode())
