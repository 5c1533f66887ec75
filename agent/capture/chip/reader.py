"""The whole chip: CardAccess, PACE, SOD and data groups, passive authentication, cross-checks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import Event

from agent.capture.chip import apdu, pace
from agent.capture.chip.apdu import Command
from agent.capture.chip.consistency import check_consistency
from agent.capture.chip.errors import AccessDenied, ChipDataError
from agent.capture.chip.files import DG1, DG2, DG13, SOD, ElementaryFile, FileReader
from agent.capture.chip.identity import CardAccessNumber
from agent.capture.chip.lds import CitizenData, FaceImage, parse_dg1, parse_dg2, parse_dg13
from agent.capture.chip.mrz import Mrz
from agent.capture.chip.passive_authentication import authenticate, parse_sod
from agent.capture.chip.trust import TrustAnchors
from agent.capture.evidence import Check, Evidence, Guidance, Guide, Part, Verdict
from agent.devices.errors import Cancelled, DeviceTimeout
from agent.devices.seams import CardLink
from agent.words import Words

# The same on every CCCD seen; for chips that hide EF.CardAccess once their application is selected.
CCCD_CARD_ACCESS = bytes.fromhex(
    "3134300d060804007f0007020202020101300f060a04007f000702020302020201013012060a04007f0007020204020202010202010d"
)
SELECT_CARD_ACCESS = Command(apdu.SELECT, 0x02, 0x0C, bytes.fromhex("011C"))

# 1 number, 2 name, 3 birth date, 4 sex, 5 nationality, 8 origin, 9 residence, 11 issue date, 12 expiry date.
# Left out: ethnicity, religion, features, relatives, old number, chip serial.
FORM_FIELDS = frozenset({1, 2, 3, 4, 5, 8, 9, 11, 12})


@dataclass(frozen=True, slots=True)
class ChipPolicy:
    """Which DG13 fields are kept; the raw DG13 only where policy says so."""

    dg13_fields: frozenset[int] = FORM_FIELDS
    keep_raw_dg13: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom the chip names; all of it personal."""

    number: str = field(repr=False)
    full_name: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChipResult:
    """Evidence for the record, the holder for the screen, the portrait for a later match."""

    evidence: Evidence
    holder: Holder
    portrait: FaceImage | None


@dataclass(frozen=True, slots=True)
class _Files:
    sod: bytes = field(repr=False)
    dg1: bytes = field(repr=False)
    dg2: bytes | None = field(repr=False)
    dg13: bytes | None = field(repr=False)

    def groups(self) -> dict[int, bytes]:
        found = {1: self.dg1, 2: self.dg2, 13: self.dg13}
        return {number: data for number, data in found.items() if data is not None}


class _Counted:
    """A CardLink that counts APDUs and bytes and looks at deadline and cancel before each."""

    def __init__(self, link: CardLink, check: Callable[[], None]) -> None:
        self._link, self._check = link, check
        self.apdus = self.bytes_read = 0

    def transmit(self, apdu_bytes: bytes) -> tuple[bytes, int]:
        self._check()
        self.apdus += 1
        data, sw = self._link.transmit(apdu_bytes)
        self.bytes_read += len(data)
        return data, sw


def read_chip(
    link: CardLink,
    can: CardAccessNumber,
    expected_number: str | None,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    guide: Guide,
    *,
    deadline: float,
    cancelled: Event,
    random: Callable[[int], bytes] = os.urandom,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ChipResult:
    """Read and judge a citizen card's chip.

    `deadline` is on time.monotonic(). What the chip says wrongly becomes failed checks. Raises WrongCan, AccessDenied,
    SessionBroken, StatusError, ChipDataError, CardLost, DeviceTimeout or Cancelled when it could not be read.
    """

    def check() -> None:
        if cancelled.is_set():
            raise Cancelled
        if time.monotonic() >= deadline:
            raise DeviceTimeout("chip")

    counted = _Counted(link, check)
    if not pace.supports(_card_access(counted)):
        raise AccessDenied("the chip offers no PACE variant that this version has")
    guide(Guidance("chip.pace", Words("Đang mở kênh an toàn với chip…", "Opening the secure channel…")))
    session = pace.establish(counted, can, random)
    files = _read_files(FileReader(session, check), guide)
    return _judge(files, expected_number, anchors, policy, counted, now())


def _card_access(link: CardLink) -> bytes:
    """Read EF.CardAccess without SELECT MF, which CCCDs refuse; fall back to the constant."""
    _, sw = link.transmit(SELECT_CARD_ACCESS.encode())
    if sw == apdu.OK:
        data, sw = link.transmit(Command(apdu.READ_BINARY, 0, 0, expected=256).encode())
        if sw in (apdu.OK, apdu.END_OF_FILE) and data:
            return data
    return CCCD_CARD_ACCESS


def _read_files(reader: FileReader, guide: Guide) -> _Files:
    reader.select_application()

    def read(file: ElementaryFile) -> bytes | None:
        words = Words(f"Đang đọc {file.name}…", f"Reading {file.name}…")
        return reader.read(file, lambda done, total: guide(Guidance("chip.reading", words, done, total)))

    sod, dg1 = read(SOD), read(DG1)
    if sod is None or dg1 is None:
        raise ChipDataError("EF.SOD or DG1 is missing")
    return _Files(sod, dg1, read(DG2), read(DG13))


def _judge(
    files: _Files,
    expected_number: str | None,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    counted: _Counted,
    now: datetime,
) -> ChipResult:
    mrz = parse_dg1(files.dg1)
    citizen = parse_dg13(files.dg13) if files.dg13 is not None else CitizenData({})
    portrait = parse_dg2(files.dg2) if files.dg2 is not None else None
    sod = parse_sod(files.sod)
    checks = (
        Check("access_control", Verdict.PASSED, attested=True),
        *authenticate(sod, files.groups(), anchors, now),
        check_consistency(mrz, citizen, expected_number),
        Check("active_authentication", Verdict.NOT_ASSESSED, "not built", gate=False),
        Check("chip_authentication", Verdict.NOT_ASSESSED, "not built", gate=False),
    )
    dropped = sorted(set(citizen.fields) - policy.dg13_fields)
    facts = {
        "access_control": "PACE-ECDH-GM-AES-CBC-CMAC-128, brainpoolP256r1, CAN",
        "sod_hash": sod.hash_algorithm,
        "sod_data_groups": " ".join(str(number) for number in sorted(sod.data_groups)),
        "data_groups_read": " ".join(str(number) for number in sorted(files.groups())),
        "dg13_fields_dropped": " ".join(str(number) for number in dropped),
        "apdus": str(counted.apdus),
        "bytes_read": str(counted.bytes_read),
    }
    evidence = Evidence("chip", checks, tuple(_parts(files, portrait, citizen, policy)), facts)
    return ChipResult(evidence, _holder(mrz, citizen), portrait)


def _parts(files: _Files, portrait: FaceImage | None, citizen: CitizenData, policy: ChipPolicy) -> list[Part]:
    parts = [
        Part("chip/sod", "application/vnd.icao.sod", files.sod),
        Part("chip/dg1", "application/vnd.icao.dg1", files.dg1),
    ]
    if files.dg2 is not None and portrait is not None:
        parts.append(Part("chip/dg2", "application/vnd.icao.dg2", files.dg2))
        parts.append(Part("chip/portrait", portrait.media_type, portrait.data))
    kept = {str(number): value for number, value in sorted(citizen.fields.items()) if number in policy.dg13_fields}
    if kept:
        parts.append(Part("chip/dg13", "application/json", json.dumps(kept, ensure_ascii=False).encode()))
    if files.dg13 is not None and policy.keep_raw_dg13:
        parts.append(Part("chip/dg13_raw", "application/vnd.icao.dg13", files.dg13))
    return parts


def _holder(mrz: Mrz, citizen: CitizenData) -> Holder:
    return Holder(mrz.personal_number, citizen.text(2) or mrz.full_name, mrz.birth_date, mrz.sex)
