"""From a chip's files to evidence: parsing, passive authentication, cross-checks. Needs no chip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from agent.capture.chip.access import AccessRecord
from agent.capture.chip.consistency import check_consistency
from agent.capture.chip.documents import CITIZEN_CARD, DocumentProfile
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.faces import FaceImage, parse_faces
from agent.capture.chip.lds import CitizenData, parse_dg1, parse_dg13
from agent.capture.chip.mrz import Mrz
from agent.capture.chip.optional_data import OPTIONAL_GROUPS, OptionalData
from agent.capture.chip.passive_authentication import authenticate
from agent.capture.chip.security_infos import SecurityInfos
from agent.capture.chip.security_object import SecurityObject
from agent.capture.chip.trust import TrustAnchors
from agent.capture.evidence import Check, Evidence, Part, Verdict

# 1 number, 2 name, 3 birth date, 4 sex, 5 nationality, 8 origin, 9 residence, 11 issue date, 12 expiry date.
# Left out: ethnicity, religion, features, relatives, old number, chip serial.
FORM_FIELDS = frozenset({1, 2, 3, 4, 5, 8, 9, 11, 12})
ACCESS_CONSISTENCY = "access_control_consistency"


@dataclass(frozen=True, slots=True)
class ChipPolicy:
    """What may be read how, and what is kept.

    Which DG13 fields are kept, the raw DG13 only where policy says so; how long a lifted card is waited for; whether
    BAC may take the place of PACE, which the record then tells; the kind of document; which of DG7, DG11, DG12 and DG16
    are read and kept, where the document has them.
    """

    dg13_fields: frozenset[int] = FORM_FIELDS
    keep_raw_dg13: bool = False
    return_within_s: float = 10.0
    allow_bac: bool = False
    document: DocumentProfile = CITIZEN_CARD
    optional_groups: frozenset[int] = frozenset()

    @property
    def groups(self) -> tuple[int, ...]:
        """The data groups that are read, in order, where EF.SOD lists them."""
        return tuple(sorted({1, 14, 15, *self.document.groups, *(self.optional_groups & OPTIONAL_GROUPS)}))


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom the chip names; all of it personal."""

    number: str = field(repr=False)
    full_name: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChipResult:
    """Evidence for the record, the holder for the screen, the portrait for a later match, what else was asked for."""

    evidence: Evidence
    holder: Holder
    portrait: FaceImage | None
    optional: OptionalData = field(repr=False, default_factory=OptionalData)


@dataclass(frozen=True, slots=True)
class ChipFiles:
    """What was read: EF.SOD, data groups by number, and the numbers of groups that the chip claims not to have."""

    sod: bytes = field(repr=False)
    groups: Mapping[int, bytes] = field(repr=False)
    absent: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Proofs:
    """What was found out with the chip there, for the evidence: checks, parts and facts."""

    checks: tuple[Check, ...] = ()
    parts: tuple[Part, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def judge(
    files: ChipFiles,
    sod: SecurityObject,
    proofs: Proofs,
    expected_number: str | None,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    now: datetime,
) -> ChipResult:
    """Judge a chip's files; raise ChipDataError when they cannot be parsed or name nobody."""
    if 1 not in files.groups:
        raise ChipDataError("EF.SOD or DG1 is missing")
    mrz = parse_dg1(files.groups[1], now.date())
    citizen = parse_dg13(files.groups[13]) if 13 in files.groups else CitizenData({})
    faces = parse_faces(files.groups[2]) if 2 in files.groups else ()
    optional, optional_check = _optional(files.groups)
    checks = (
        *proofs.checks,
        *authenticate(sod, files.groups, anchors, now, files.absent),
        check_consistency(mrz, citizen, expected_number, personal_number=policy.document.personal_number),
        *optional_check,
    )
    dropped = sorted(({*citizen.fields, *citizen.raw}) - policy.dg13_fields)
    facts = {
        "document": f"{policy.document.name}, {mrz.format}",
        "sod_hash": sod.hash_algorithm,
        "lds_version": sod.lds_version or "0107",
        "sod_data_groups": " ".join(str(number) for number in sorted(sod.data_groups)),
        "data_groups_read": " ".join(str(number) for number in sorted(files.groups)),
        "data_groups_left": " ".join(str(number) for number in sorted(set(sod.data_groups) - set(files.groups))),
        "dg13_fields_dropped": " ".join(str(number) for number in dropped),
        "faces": str(len(faces)),
        **proofs.facts,
    }
    parts = (*_parts(files, faces, citizen, policy), *proofs.parts)
    portrait = faces[0] if faces else None
    return ChipResult(Evidence("chip", checks, parts, facts), _holder(mrz, citizen), portrait, optional)


def _optional(groups: Mapping[int, bytes]) -> tuple[OptionalData, tuple[Check, ...]]:
    """Parse the optional groups; what an issuer wrote badly there is told, and ends nothing."""
    try:
        return OptionalData.parse(groups), ()
    except ChipDataError as error:
        return OptionalData(), (Check("optional_groups", Verdict.FAILED, error.detail, gate=False),)


def check_access(record: AccessRecord, infos: SecurityInfos) -> tuple[Check, Check]:
    """Judge how the chip was opened, and whether DG14, which is signed, agrees (9303-11, 9.2: a downgrade shows here).

    DG14 is only worth what passive authentication says of it; how the chip was opened only the kiosk can tell.
    """
    opened = Check("access_control", Verdict.PASSED, record.weak and f"BAC only: {record.weak}", attested=True)
    if record.weak and infos.pace:
        reason = "DG14 lists PACE, but the chip was opened with BAC: a downgrade"
        return opened, Check(ACCESS_CONSISTENCY, Verdict.FAILED, reason, attested=True)
    if record.weak:
        return opened, Check(ACCESS_CONSISTENCY, Verdict.PASSED, attested=True)
    if not infos.pace:
        reason = "DG14 lists no PACE to compare with"
        return opened, Check(ACCESS_CONSISTENCY, Verdict.NOT_ASSESSED, reason, gate=False, attested=True)
    if set(infos.pace) != set(record.offered):
        reason = "EF.CardAccess, which is not signed, contradicts DG14"
        return opened, Check(ACCESS_CONSISTENCY, Verdict.FAILED, reason, attested=True)
    return opened, Check(ACCESS_CONSISTENCY, Verdict.PASSED, attested=True)


def _parts(files: ChipFiles, faces: tuple[FaceImage, ...], citizen: CitizenData, policy: ChipPolicy) -> list[Part]:
    parts = [Part("chip/sod", "application/vnd.icao.sod", files.sod)]
    # What a collector needs to verify again; DG13 by its fields, optional groups where the policy asks for them.
    kept = {1, 2, 14, 15, *policy.optional_groups, *((13,) if policy.keep_raw_dg13 else ())}
    for number in sorted(kept & set(files.groups)):
        name = "chip/dg13_raw" if number == 13 else f"chip/dg{number}"
        parts.append(Part(name, f"application/vnd.icao.dg{number}", files.groups[number]))
    if faces:
        parts.append(Part("chip/portrait", faces[0].media_type, faces[0].data))
    fields = {str(number): value for number, value in sorted(citizen.fields.items()) if number in policy.dg13_fields}
    if fields:
        parts.append(Part("chip/dg13", "application/json", json.dumps(fields, ensure_ascii=False).encode()))
    return parts


def _holder(mrz: Mrz, citizen: CitizenData) -> Holder:
    if mrz.birth_date is None:
        raise ChipDataError("birth date in DG1 is not whole")
    number = mrz.personal_number or mrz.document_number
    return Holder(number, citizen.text(2) or mrz.full_name, mrz.birth_date, mrz.sex)
