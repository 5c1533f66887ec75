"""A check: a small function with a stable code and a deadline; and families of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.diagnostics.context import Context
from agent.diagnostics.finding import Fault, Outcome
from agent.diagnostics.limits import WITHIN_S, Limits
from agent.words import KioskError, Words

Run = Callable[[Context, Limits], Outcome]


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `faults` are the answers that it may give besides ok, skipped and not assessed."""

    code: str
    title: Words
    run: Run = field(repr=False)
    faults: tuple[Fault | type[KioskError], ...] = field(repr=False)
    within_s: float = WITHIN_S

    @property
    def family(self) -> str:
        """The first part of the code."""
        return self.code.partition(".")[0]

    def matches(self, wanted: str) -> bool:
        """Say whether a family, a check's code or a fault's code means this check."""
        return wanted in (self.family, self.code) or any(wanted == fault.code for fault in self.faults)


class Family:
    """Checks that belong together, in the order in which they are shown."""

    def __init__(self, name: str, vi: str, en: str) -> None:
        self.name, self.title = name, Words(vi, en)
        self.checks: list[Check] = []

    def check(
        self, name: str, vi: str, en: str, *faults: Fault | type[KioskError], within_s: float = WITHIN_S
    ) -> Callable[[Run], Run]:
        """Declare the function below as a check of this family."""

        def declare(run: Run) -> Run:
            self.checks.append(Check(f"{self.name}.{name}", Words(vi, en), run, faults, within_s))
            return run

        return declare
