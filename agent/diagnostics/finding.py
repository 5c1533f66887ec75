"""What a check finds: a verdict, its stable code, the true cause, the evidence and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from agent.words import KioskError, Words

NOTHING = Words("", "")


class Verdict(StrEnum):
    """How it stands.

    SKIPPED: the cause is told elsewhere, or nobody asked for it. NOT_ASSESSED: the machine does not tell.
    """

    OK = "ok"
    SKIPPED = "skipped"
    NOT_ASSESSED = "not assessed"
    WARN = "warn"
    ERROR = "error"


_ORDER = (Verdict.OK, Verdict.SKIPPED, Verdict.NOT_ASSESSED, Verdict.WARN, Verdict.ERROR)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check's function returns. An empty `code` stands for the check's own."""

    verdict: Verdict
    evidence: str = ""
    code: str = ""
    cause: Words = NOTHING
    remedy: Words = NOTHING


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be wrong: its code, WARN or ERROR, the cause and the remedy."""

    code: str
    verdict: Verdict
    cause: Words
    remedy: Words

    def seen(self, evidence: str) -> Outcome:
        """Return the outcome with what shows it."""
        return Outcome(self.verdict, evidence, self.code, self.cause, self.remedy)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check. `code` is the fault's, or the check's own; `evidence` holds no personal data."""

    check: str
    title: Words
    code: str
    verdict: Verdict
    cause: Words
    evidence: str
    remedy: Words
    took_s: float


def warn(code: str, vi: str, en: str, remedy_vi: str, remedy_en: str) -> Fault:
    """Declare a fault that needs attention and does not stop the work."""
    return Fault(code, Verdict.WARN, Words(vi, en), Words(remedy_vi, remedy_en))


def error(code: str, vi: str, en: str, remedy_vi: str, remedy_en: str) -> Fault:
    """Declare a fault that stops the work or puts records at risk."""
    return Fault(code, Verdict.ERROR, Words(vi, en), Words(remedy_vi, remedy_en))


def ok(evidence: str) -> Outcome:
    """Say that all is well."""
    return Outcome(Verdict.OK, evidence)


def skipped(vi: str, en: str, evidence: str = "") -> Outcome:
    """Say that nobody looked, by choice or because of what another check tells."""
    return Outcome(Verdict.SKIPPED, evidence, cause=Words(vi, en))


def not_assessed(vi: str, en: str, evidence: str = "") -> Outcome:
    """Say that it cannot be known here, and why."""
    return Outcome(Verdict.NOT_ASSESSED, evidence, cause=Words(vi, en))


def of_error(failure: KioskError) -> Outcome:
    """Return an error as an outcome: its own code, words and remedy."""
    return Outcome(Verdict.ERROR, failure.detail, failure.code, failure.words, failure.remedy)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict; OK when there is none."""
    return max((finding.verdict for finding in findings), key=_ORDER.index, default=Verdict.OK)
