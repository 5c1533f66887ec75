"""The whole chip: access, EF.SOD and data groups, the chip's proofs, passive authentication, cross-checks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

from agent.capture.chip.access import AccessControl
from agent.capture.chip.active_authentication import PART, RecordBinding
from agent.capture.chip.chip_proofs import agree_anew, answer_actively, judge_mapping
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.files import DATA_GROUPS, SOD, ElementaryFile
from agent.capture.chip.judging import (
    FORM_FIELDS,
    ChipFiles,
    ChipPolicy,
    ChipResult,
    Holder,
    Proofs,
    check_access,
    judge,
)
from agent.capture.chip.passwords import AccessKey, Password
from agent.capture.chip.pieces import Ladder, PieceMemory
from agent.capture.chip.reading import ChipReading, Limits
from agent.capture.chip.security_infos import SecurityInfos, parse_dg14
from agent.capture.chip.security_object import SecurityObject, parse_sod
from agent.capture.chip.transport import ReturningCard
from agent.capture.chip.trust import TrustAnchors
from agent.capture.evidence import Guidance, Guide, Part
from agent.devices.seams import CardLink
from agent.words import Words

__all__ = ["FORM_FIELDS", "ChipPolicy", "ChipResult", "Holder", "read_chip"]

_PIECES = PieceMemory()
_PROVING = Guidance("chip.proving", Words("Đang kiểm tra chip thật…", "Checking that the chip is genuine…"))
Random = Callable[[int], bytes]


def read_chip(
    link: CardLink,
    key: AccessKey,
    expected_number: str | None,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    guide: Guide,
    *,
    deadline: float,
    cancelled: Event,
    binding: RecordBinding = RecordBinding(),  # noqa: B008 # immutable
    random: Random = os.urandom,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pieces: PieceMemory = _PIECES,
) -> ChipResult:
    """Read and judge a chip, opened by its card access number, machine-readable zone, PIN or PUK.

    `deadline` is on time.monotonic(). `binding` is what the chip's own signature is bound to: the coming record and
    the newest durable head. A card that is lifted in the middle and comes back within the policy's time is read on from
    where it stopped, when the link is a ReturningCard. What the chip says wrongly becomes failed checks.
    Raises WrongCan, WrongMrz, WrongPin, AccessDenied, SessionBroken, StatusError, ChipDataError, CardLost,
    DeviceTimeout or Cancelled when it could not be read.
    """
    atr = link.atr if isinstance(link, ReturningCard) else b""
    ladder = Ladder(pieces.recall(atr))
    limits = Limits(deadline, cancelled, policy.return_within_s)
    access = AccessControl(Password.of(key), policy.document, allow_bac=policy.allow_bac, random=random)
    reading = ChipReading(link, access, ladder, limits, guide)
    reading.open()
    files, sod = _read_files(reading, policy, guide)
    guide(_PROVING)
    proofs = _prove(reading, access, files, anchors, binding, random)
    if not reading.returns:
        pieces.remember(atr, ladder.rung)
    proofs = replace(proofs, facts={**proofs.facts, **_transport_facts(reading, ladder)})
    return judge(files, sod, proofs, expected_number, anchors, policy, now())


def _transport_facts(reading: ChipReading, ladder: Ladder) -> dict[str, str]:
    return {
        "apdus": str(reading.counted.apdus),
        "bytes_read": str(reading.counted.bytes_read),
        "piece_bytes": str(ladder.piece),
        "secure_channels": str(reading.channels),
        "card_returns": str(reading.returns),
    }


def _read_files(reading: ChipReading, policy: ChipPolicy, guide: Guide) -> tuple[ChipFiles, SecurityObject]:
    def read(file: ElementaryFile) -> bytes | None:
        words = Words(f"Đang đọc {file.name}…", f"Reading {file.name}…")
        return reading.read(file, lambda done, total: guide(Guidance("chip.reading", words, done, total)))

    content = read(SOD)
    if content is None:
        raise ChipDataError("EF.SOD or DG1 is missing")
    sod = parse_sod(content)
    wanted = [number for number in policy.groups if number in sod.data_groups]
    found = {number: read(DATA_GROUPS[number]) for number in wanted}
    groups = {number: data for number, data in found.items() if data is not None}
    return ChipFiles(content, groups, frozenset(set(wanted) - set(groups))), sod


def _prove(
    reading: ChipReading,
    access: AccessControl,
    files: ChipFiles,
    anchors: TrustAnchors,
    binding: RecordBinding,
    random: Random,
) -> Proofs:
    dg14 = files.groups.get(14)
    infos = parse_dg14(dg14) if dg14 is not None else SecurityInfos()
    active = answer_actively(reading, files.groups.get(15), infos, binding, random)
    # Last, since a chip that does not know its key cannot go on after it.
    agreed, variant = agree_anew(reading, dg14, infos, random)
    mapping = judge_mapping(access.record, anchors)
    checks = (*check_access(access.record, infos), active.check, agreed, *((mapping,) if mapping else ()))
    parts = []
    if active.transcript is not None:
        parts.append(Part(PART, "application/json", active.transcript.to_json()))
    if access.record.card_security is not None:
        parts.append(Part("chip/card_security", "application/vnd.icao.card-security", access.record.card_security))
    facts = {
        "access_control": access.record.method,
        "card_access": "the profile's constant" if access.record.stood_in else "the chip's",
        "chip_authentication": variant,
        "active_authentication_bound_to": "the record" if binding.record_id else "nothing",
    }
    return Proofs(checks, tuple(parts), facts)
