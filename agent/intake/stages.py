"""What a stage of a visit is: it turns one sense into evidence. The daemon gives each its device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol, runtime_checkable

from agent.capture.chip import AccessKey
from agent.capture.evidence import Evidence, Guide
from agent.capture.fingerprint import FingerExceptions
from agent.capture.liveness.screen import NoScreen, Screen
from agent.intake.portrait_orders import PortraitOrders
from agent.intake.questions import Choice
from agent.roster import Member
from agent.words import KioskError, Words

Ask = Callable[[str, Words, tuple[Choice, ...]], str]


def ask_nobody(_code: str, _words: Words, choices: tuple[Choice, ...]) -> str:
    """Take the last choice where nobody can be asked."""
    return choices[-1].code


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage may use: the coming record's id, who is here, what opens their chip, how to speak, how to stop.

    `fingers` is what the operator declares of fingers that cannot be taken, at any time. `ask` returns the code of the
    chosen answer; `screen` shows the flash; `earlier` is what the stages before proved.
    """

    record_id: bytes
    member: Member
    key: AccessKey = field(repr=False)
    guide: Guide
    cancelled: Event
    fingers: FingerExceptions = field(default_factory=FingerExceptions)
    portrait: PortraitOrders = field(default_factory=PortraitOrders)
    ask: Ask = ask_nobody
    screen: Screen = field(default_factory=NoScreen)
    earlier: tuple[Evidence, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A stage's evidence and what the person is shown of it before confirming (label -> value).

    `problem` is why this attempt brought nothing, while an earlier one of the same visit is kept as the evidence.
    """

    evidence: Evidence
    shown: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: KioskError | None = None


class Stage(Protocol):
    """One stage of the visit."""

    @property
    def name(self) -> str:
        """The stage's name in the record: chip, portrait, liveness, fingerprints."""
        ...

    def perform(self, context: Context) -> Outcome:
        """Do the stage; raise DeviceError or another KioskError when it could not be done at all."""
        ...


@runtime_checkable
class SettlingStage(Stage, Protocol):
    """A stage of which people may declare more until it is over."""

    def settle(self, context: Context, outcome: Outcome | None, error: KioskError | None) -> Outcome:
        """Take no more declarations and return the outcome with all of them; None and `error`: nothing was taken."""
        ...
