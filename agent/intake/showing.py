"""Words, errors and checks as the screens show them, JSON-ready."""

from __future__ import annotations

from agent.capture.evidence import Check
from agent.words import KioskError, Words


def both(words: Words) -> dict[str, str]:
    """Return the sentence in both languages, JSON-ready."""
    return {"vi": words.vi, "en": words.en}


def describe(error: KioskError) -> dict[str, object]:
    """Return an error as the screens show it: code, cause, remedy, evidence."""
    return {
        "code": error.code,
        "words": both(error.words),
        "remedy": both(error.remedy),
        "detail": error.detail,
    }


def describe_check(check: Check) -> dict[str, object]:
    """Return a check as the screens show it."""
    return {
        "name": check.name,
        "verdict": check.verdict.value,
        "reason": check.reason,
        "native": check.native,
        "unit": check.unit,
        "scalar": check.scalar,
        "gate": check.gate,
        "attested": check.attested,
    }
