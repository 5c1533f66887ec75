from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.evidence import Check, Evidence, Part, Verdict

CHECKS = st.builds(lambda verdict, gate: Check("c", verdict, "why", gate=gate), st.sampled_from(Verdict), st.booleans())


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.NOT_ASSESSED])
def test_what_did_not_pass_says_why(verdict: Verdict) -> None:
    """Tri-state without a reason would be a guess."""
    with pytest.raises(ValueError, match="needs a reason"):
        Check("c", verdict)
    assert Check("c", verdict, "because").reason == "because"
    assert Check("c", Verdict.PASSED).reason == ""


@given(st.lists(CHECKS, max_size=6))
def test_gates_alone_decide(checks: list[Check]) -> None:
    """A failed gate fails; one that was not assessed, or none at all, leaves it open; reports do not count."""
    gates = [check.verdict for check in checks if check.gate]
    verdict = Evidence("s", tuple(checks)).verdict
    if Verdict.FAILED in gates:
        assert verdict is Verdict.FAILED
    elif gates and all(gate is Verdict.PASSED for gate in gates):
        assert verdict is Verdict.PASSED
    else:
        assert verdict is Verdict.NOT_ASSESSED


def test_what_was_not_assessed_is_never_passed() -> None:
    """Nine gates that passed do not stand in for the tenth."""
    checks = (*(Check("a", Verdict.PASSED) for _ in range(9)), Check("b", Verdict.NOT_ASSESSED, "no trust anchor"))
    evidence = Evidence("s", checks)
    assert (evidence.verdict, evidence.reason) == (Verdict.NOT_ASSESSED, "no trust anchor")


def test_the_reasons_are_those_of_the_verdict() -> None:
    """Of the gates that failed, and of no other."""
    checks = (
        Check("a", Verdict.FAILED, "one"),
        Check("b", Verdict.NOT_ASSESSED, "two"),
        Check("c", Verdict.FAILED, "three", gate=False),
        Check("d", Verdict.FAILED, "four"),
        Check("e", Verdict.PASSED),
    )
    assert Evidence("s", checks).reason == "one; four"
    assert Evidence("s", checks[-1:]).reason == ""


def test_a_stage_without_gates_is_not_assessed() -> None:
    """Nothing was decided."""
    assert Evidence("s", ()).verdict is Verdict.NOT_ASSESSED


def test_parts_are_not_printed() -> None:
    """A part is a portrait, a finger or a name."""
    assert "secret" not in repr(Evidence("s", (), (Part("s/p", "text/plain", b"secret"),)))


def test_facts_cannot_be_shared_by_accident() -> None:
    """The default is one empty mapping that nobody can write to."""
    with pytest.raises(TypeError):
        Evidence("s", ()).facts["k"] = "v"  # type: ignore[index]
