"""The chip stage: wait for the card, read its chip, hold it against the roster."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from threading import Event

from agent.capture.chip import PROFILES, ChipPolicy, ChipResult, RecordBinding, TrustAnchors, read_chip
from agent.capture.chip.judging import FORM_FIELDS
from agent.capture.evidence import Check, Guidance, Verdict
from agent.devices.seams import CardLink
from agent.intake.policy import Policy
from agent.intake.stages import Context, Outcome
from agent.roster import Member
from agent.words import Words

OpenCard = Callable[[float, Event], AbstractContextManager[CardLink]]


def chip_policy(policy: Policy, return_within_s: float) -> ChipPolicy:
    """Return what the signed policy says about chips, and how long this kiosk waits for a lifted card."""
    return ChipPolicy(
        dg13_fields=FORM_FIELDS if policy.dg13_fields is None else policy.dg13_fields,
        keep_raw_dg13=policy.keep_raw_dg13,
        return_within_s=return_within_s,
        allow_bac=policy.allow_bac,
        document=PROFILES[policy.document],
        optional_groups=frozenset(policy.optional_groups),
    )


@dataclass(frozen=True, slots=True)
class ChipStage:
    """Wait for the card, read its chip, and hold it against the roster.

    `newest_head` tells the hash of the newest durable record: it goes into the active authentication's challenge, so
    that an answer from an earlier day shows as a replay.
    """

    open_card: OpenCard
    newest_head: Callable[[], bytes]
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
                context.key,
                context.member.number,
                self.anchors,
                self.policy,
                context.guide,
                deadline=time.monotonic() + self.read_s,
                cancelled=context.cancelled,
                binding=RecordBinding(context.record_id, self.newest_head()),
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
