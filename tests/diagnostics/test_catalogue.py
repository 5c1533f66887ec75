"""Every code: stable, explained in both languages, and listed in docs/doctor.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.diagnostics.catalogue import CHECKS, FAMILIES, page
from agent.diagnostics.check import Check
from agent.diagnostics.finding import Fault, Verdict

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


def faults(check: Check) -> list[Fault]:
    """Return the faults that are the check's own, not errors of other layers."""
    return [fault for fault in check.faults if isinstance(fault, Fault)]


def test_the_document_lists_exactly_what_the_code_has() -> None:
    """Every check, code, cause and remedy, word for word: `python -m agent.diagnostics.catalogue` prints the lists."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.endswith(page())
    listed = set(re.findall(r"^(?:\| |\*\*)`([a-z0-9_.]+)`", text, re.MULTILINE))
    assert listed == {check.code for check in CHECKS} | {fault.code for check in CHECKS for fault in check.faults}


def test_codes_of_checks_are_unique_and_begin_with_their_family() -> None:
    """`--only` depends on it."""
    codes = [check.code for check in CHECKS]
    assert len(codes) == len(set(codes))
    for family in FAMILIES:
        assert all(check.code.startswith(f"{family.name}.") for check in family.checks)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_every_fault_is_explained(check: Check) -> None:
    """Cause and remedy, Vietnamese and English, different from each other; warn or error."""
    for fault in check.faults:
        words = (fault.cause, fault.remedy) if isinstance(fault, Fault) else (fault.words, fault.remedy)
        for sentence in words:
            assert sentence.vi
            assert sentence.en
            assert sentence.vi != sentence.en
    for fault in faults(check):
        assert fault.verdict in (Verdict.WARN, Verdict.ERROR)
        assert fault.code.count(".") == 2


def test_every_fault_of_our_own_is_caused_by_a_test() -> None:
    """Its code stands in a test of this folder, which causes it and looks at the finding."""
    told = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    missing = {fault.code for check in CHECKS for fault in faults(check) if f'"{fault.code}"' not in told}
    assert not missing


def test_the_whole_ends_in_a_minute() -> None:
    """Side by side, so the longest deadline counts; only the self-test on a card may take the whole minute."""
    assert max(check.within_s for check in CHECKS if check.code != "card.selftest") <= 30
    assert max(check.within_s for check in CHECKS) <= 60
