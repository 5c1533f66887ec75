"""Assembling the record: a finished visit becomes a manifest and its parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent import __version__
from agent.capture.evidence import Check, Part, Verdict
from agent.intake.discards import Discard
from agent.intake.journal_entry import FinishedStage
from agent.intake.policy import Policy, Rules
from agent.intake.visit import OperatorIdentity, VisitFile
from agent.proto import border
from agent.sealing import ClockState

SALT_BYTES = 32
NO_SESSION = "the account is known, not the person: operators do not sign in"

_VERDICTS = {
    Verdict.PASSED: border.Verdict.PASSED,
    Verdict.FAILED: border.Verdict.FAILED,
    Verdict.NOT_ASSESSED: border.Verdict.NOT_ASSESSED,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What every record of this kiosk says of itself: names, policy, software, and the boot (16 bytes).

    `models` gives name -> SHA-256 (hex) of the model files in use when the record is made.
    """

    kiosk: str
    station: str
    rules: Rules
    models: Callable[[], Mapping[str, str]]
    boot_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Content:
    """A record before sealing: `content` is the serialised SealedContent, kept as made."""

    record_id: bytes
    content: bytes = field(repr=False)
    manifest_sha256: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """When a record is made: wall clock (ns), the clocks for the core, and the age of the collector's offset (ns)."""

    wall_ns: int
    clock: ClockState
    offset_age_ns: int | None


def assemble(
    file: VisitFile, setting: Setting, salt: bytes, moment: Moment, discards: tuple[Discard, ...] = ()
) -> Content:
    """Build manifest and parts of a visit; `salt` is 32 random bytes, `discards` the notes that this record carries."""
    policy = setting.rules.policy
    parts = [part for stage in file.stages for part in stage.evidence.parts]
    manifest = border.Manifest(
        record_id=file.record_id,
        salt=salt,
        parts=tuple(_entry(part, salt) for part in parts),
        stages=tuple(_stage(stage) for stage in file.stages),
        operator=_operator(file.operator),
        policy=border.Policy(policy.version, setting.rules.sha256),
        software=border.Software(__version__, dict(setting.models())),
        time=_time(moment, setting.boot_id),
        notice=_notice(file, policy),
        purpose=border.Purpose(policy.purpose, policy.legal_basis, policy.retention_class),
        member=border.Member(
            file.member.number, file.member.full_name, file.member.birth_date.isoformat(), file.member.branch
        ),
        kiosk=setting.kiosk,
        station=setting.station,
        visit=border.Visit(file.visit_id, file.resumed, _operator(file.opened_by)),
        discarded_visits=tuple(_discarded(discard) for discard in discards),
    )
    manifest_bytes = manifest.to_bytes()
    content = border.SealedContent(manifest_bytes, tuple(part.data for part in parts)).to_bytes()
    return Content(file.record_id, content, hashlib.sha256(manifest_bytes).digest())


def _entry(part: Part, salt: bytes) -> border.PartEntry:
    return border.PartEntry(part.name, part.media_type, len(part.data), hashlib.sha256(salt + part.data).digest())


def _operator(operator: OperatorIdentity) -> border.Operator:
    """Name the account; a kiosk's account is shared, so it proves no person."""
    return border.Operator(operator.name, operator.authenticated_by, border.Verdict.NOT_ASSESSED, NO_SESSION)


def _discarded(discard: Discard) -> border.DiscardedVisit:
    operator = OperatorIdentity(discard.operator_name, discard.operator_authenticated_by)
    return border.DiscardedVisit(discard.visit_id, discard.discarded_at_ns, discard.stages, _operator(operator))


def _time(moment: Moment, boot_id: bytes) -> border.CaptureTime:
    clock = moment.clock
    return border.CaptureTime(
        moment.wall_ns, clock.monotonic_ns, clock.collector_offset_ns, moment.offset_age_ns, boot_id
    )


def _stage(stage: FinishedStage) -> border.Stage:
    evidence = stage.evidence
    return border.Stage(
        name=evidence.stage,
        verdict=_VERDICTS[evidence.verdict],
        reason=evidence.reason,
        checks=tuple(_check(check) for check in evidence.checks),
        facts=dict(evidence.facts),
        took_ms=stage.took_ms,
    )


def _check(check: Check) -> border.Check:
    return border.Check(
        name=check.name,
        verdict=_VERDICTS[check.verdict],
        reason=check.reason,
        native=check.native,
        unit=check.unit,
        scalar=check.scalar,
        gate=check.gate,
        attested=check.attested,
    )


def _notice(file: VisitFile, policy: Policy) -> border.Notice:
    notice = policy.notice
    return border.Notice(
        notice.id,
        notice.version,
        file.language,
        notice.sha256(file.language),
        file.notice_shown_at_ns,
        border.Answer.ACKNOWLEDGED,
    )
