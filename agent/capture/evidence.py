"""What a stage proved: checks with tri-state verdicts, the parts it took, and facts for the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from agent.words import Words


class Verdict(StrEnum):
    """The outcome of one check. `NOT_ASSESSED` always comes with its reason."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ASSESSED = "not assessed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a stage.

    `name` is the standard's term in snake_case. `reason` says why it failed or was not assessed. `native` is the
    native value in `unit`, `scalar` the 0..100 quality component (ISO/IEC 29794-1). A check with `gate` decides the
    stage; the others are reported only. `attested` marks what the kiosk asserts and no collector can verify again.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    native: float | None = None
    unit: str = ""
    scalar: int | None = None
    gate: bool = True
    attested: bool = False

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.PASSED and not self.reason:
            raise ValueError(f"check {self.name}: {self.verdict} needs a reason")


@dataclass(frozen=True, slots=True)
class Part:
    """One blob of a record. `name` is unique in the record, for example `chip/dg2` or `portrait/still`."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one stage hands to the record.

    `facts` say nothing of the person: algorithms, sizes, versions; whoever allowed an exception, by name. Never logged.
    """

    stage: str
    checks: tuple[Check, ...]
    parts: tuple[Part, ...] = ()
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def verdict(self) -> Verdict:
        """FAILED if a gate failed, NOT_ASSESSED if a gate was not assessed or there is none, else PASSED."""
        verdicts = {check.verdict for check in self.checks if check.gate}
        if Verdict.FAILED in verdicts:
            return Verdict.FAILED
        return Verdict.PASSED if verdicts == {Verdict.PASSED} else Verdict.NOT_ASSESSED

    @property
    def reason(self) -> str:
        """The reasons behind the verdict, joined; empty when everything passed."""
        return "; ".join(c.reason for c in self.checks if c.gate and c.verdict is self.verdict and c.reason)


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the operator or the person should know or do now; `done` of `total` when the work is measurable."""

    code: str
    words: Words
    done: int | None = None
    total: int | None = None


Guide = Callable[[Guidance], None]
