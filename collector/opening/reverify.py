"""Judging a record's chip again, from its parts: what the kiosk says counts for nothing here.

Passive authentication and the active one can be verified again; PACE, chip authentication and everything about
pictures is the kiosk's word (docs/record.md) and stays so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agent.capture.chip import ChipDataError, ChipPolicy, TrustAnchors
from agent.capture.chip.active_authentication import NAME as ACTIVE
from agent.capture.chip.active_authentication import PART as TRANSCRIPT
from agent.capture.chip.active_authentication import Transcript
from agent.capture.chip.folder import Folder, inspect
from agent.capture.evidence import Check, Verdict
from agent.opening import OpenedRecord

SOD, SOD_FILE = "chip/sod", 0x1D
GROUPS = {f"chip/dg{number}": number for number in (1, 2, 14, 15)} | {"chip/dg13_raw": 13}
# What can be judged without the chip. The signer's dates are no gate and depend on a clock.
JUDGED = ("sod_signature", "certificate_chain", "data_group_hashes", ACTIVE)


@dataclass(frozen=True, slots=True)
class Rejudged:
    """The checks as found here, the number that the chip's signed data name, and where the kiosk said otherwise."""

    checks: tuple[Check, ...]
    number: str = field(default="", repr=False)
    differing: tuple[str, ...] = ()


def rejudge(opened: OpenedRecord, anchors: TrustAnchors, now: datetime) -> Rejudged:
    """Judge the chip's parts of a record; one without them is "not assessed"."""
    parts = dict(zip((entry.name for entry in opened.manifest.parts), opened.parts, strict=True))
    if SOD not in parts:
        return Rejudged(tuple(Check(name, Verdict.NOT_ASSESSED, "the record has no EF.SOD") for name in JUDGED))
    try:
        files = {SOD_FILE: parts[SOD]} | {number: parts[name] for name, number in GROUPS.items() if name in parts}
        transcript = Transcript.from_json(parts[TRANSCRIPT]) if TRANSCRIPT in parts else None
        result = inspect(Folder(files, transcript), anchors, ChipPolicy(frozenset(), False, 0), now)
    except ChipDataError as error:
        unreadable = (Check("chip_data", Verdict.FAILED, error.detail or type(error).__name__),)
        return Rejudged(unreadable, differing=_differing(opened, unreadable))
    checks = tuple(check for check in result.evidence.checks if check.name in JUDGED)
    if transcript is not None and transcript.binding.record_id != opened.manifest.record_id:
        # An answer that was given for another record proves that the chip was there some day, not this one.
        other = Check(ACTIVE, Verdict.FAILED, "the chip's answer was given for another record")
        checks = (*(check for check in checks if check.name != ACTIVE), other)
    return Rejudged(checks, result.holder.number, _differing(opened, checks))


def _differing(opened: OpenedRecord, checks: tuple[Check, ...]) -> tuple[str, ...]:
    told = {check.name: check.verdict.name for stage in opened.manifest.stages for check in stage.checks}
    return tuple(
        f"{check.name}: {check.verdict.name.lower()} here, {told.get(check.name, 'NOT_TOLD').lower()} by the kiosk"
        for check in checks
        if check.verdict is Verdict.FAILED and told.get(check.name) != Verdict.FAILED.name
    )
