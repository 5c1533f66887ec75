"""The stages of a visit: each turns one sense into evidence. The daemon wires in the devices as callables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Protocol

from agent.capture.chip import (
    CardAccessNumber,
    ChipPolicy,
    ChipResult,
    TrustAnchors,
    read_chip,
)
from agent.capture.evidence import Check, Evidence, Guidance, Guide, Verdict
from agent.devices.seams import CardLink
from agent.roster import Member
from agent.words import Words


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage may use: who is here, how to speak to them, and the way to stop."""

    member: Member
    can: CardAccessNumber
    guide: Guide
    cancelled: Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """A stage's evidence and what the person is shown of it before confirming (label -> value)."""

    evidence: Evidence
    shown: Mapping[str, str] = field(default_factory=dict, repr=False)


class Stage(Protocol):
    """One stage of the visit."""

    @property
    def name(self) -> str:
        """The stage's name in the record: chip, portrait, liveness, fingerprints."""
        ...

    def perform(self, context: Context) -> Outcome:
        """Do the stage; raise DeviceError or another KioskError when it could not be done at all."""
        ...


OpenCard = Callable[[float, Event], AbstractContextManager[CardLink]]


@dataclass(frozen=True, slots=True)
class ChipStage:
    """Wait for the card, read its chip, and hold it against the roster."""

    open_card: OpenCard
    anchors: TrustAnchors
    policy: ChipPolicy
    wait_s: float
    read_s: float
    name: str = "chip"

    def perform(self, context: Context) -> Outcome:
        """Read the card; wrong CAN, a lost card or a missing reader are errors, bad data are failed checks."""
        context.guide(
            Guidance(
                "chip.place_card",
                Words("Đặt thẻ căn cước lên đầu đọc.", "Place the citizen card on the reader."),
            )
        )
        with self.open_card(time.monotonic() + self.wait_s, context.cancelled) as link:
            result = read_chip(
                link,
                context.can,
                context.member.number,
                self.anchors,
                self.policy,
                context.guide,
                deadline=time.monotonic() + self.read_s,
                cancelled=context.cancelled,
            )
        context.guide(
            Guidance(
                "chip.take_card",
                Words("Đã đọc xong, có thể lấy thẻ.", "Done reading; the card may be taken."),
            )
        )
        evidence = replace(result.evidence, checks=(*result.evidence.checks, _roster_match(result, context.member)))
        holder = result.holder
        shown = {
            "full_name": holder.full_name,
            "number": holder.number,
            "birth_date": holder.birth_date.isoformat(),
        }
        return Outcome(evidence, shown)


def _roster_match(result: ChipResult, member: Member) -> Check:
    differing = [
        label
        for label, chip, roster in (
            ("number", result.holder.number, member.number),
            ("full_name", result.holder.full_name.casefold(), member.full_name.casefold()),
            ("birth_date", result.holder.birth_date, member.birth_date),
        )
        if chip != roster
    ]
    if differing:
        return Check("roster_match", Verdict.FAILED, f"chip and roster differ in {', '.join(differing)}")
    return Check("roster_match", Verdict.PASSED)


@dataclass(frozen=True, slots=True)
class StageNotBuilt:
    """A stage that this version does not have; the record says so."""

    name: str

    def perform(self, context: Context) -> Outcome:
        """Say "not assessed: not built"."""
        return Outcome(Evidence(self.name, (Check(self.name, Verdict.NOT_ASSESSED, "not built"),)))
