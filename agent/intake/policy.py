"""What counts as good enough: the document inside the signed policy bundle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.intake.errors import PolicyUnreadable
from agent.intake.portrait_policy import PortraitSection
from agent.words import Words

Finger = Literal[
    "right_thumb",
    "right_index",
    "right_middle",
    "right_ring",
    "right_little",
    "left_thumb",
    "left_index",
    "left_middle",
    "left_ring",
    "left_little",
]
# As agent.capture.fingerprint.Reason, which loads picture libraries that readers of a policy do not need.
FingerReason = Literal["missing", "bandaged", "worn", "worn_for_now"]

StageName = Literal["chip", "portrait", "liveness", "match", "fingerprints"]


class Document(BaseModel):
    """A JSON object of the policy: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoticeText(Document):
    """The data-protection notice, in both languages."""

    id: str = Field(min_length=1, max_length=100)
    version: str = Field(min_length=1, max_length=100)
    vi: str = Field(min_length=1, max_length=20_000)
    en: str = Field(min_length=1, max_length=20_000)

    @property
    def words(self) -> Words:
        """The text for the screen."""
        return Words(self.vi, self.en)

    def sha256(self, language: str) -> bytes:
        """Hash of the text as shown in `language` (vi or en), UTF-8."""
        return hashlib.sha256((self.en if language == "en" else self.vi).encode()).digest()


class QueueRules(Document):
    """How large one record may be, in bytes, and how many may wait for the collector before nobody new is taken in.

    They narrow what the machine's own configuration allows; None leaves it at that.
    """

    max_record_bytes: int | None = Field(default=None, ge=2**16, le=64 * 2**20)
    max_waiting_records: int | None = Field(default=None, ge=1, le=10_000_000)


class FingerThresholds(Document):
    """Smallest scores by kind of finger, 0..100. The defaults are BSI TR-03121 v6's for plain enrolment."""

    thumb: int = Field(default=30, ge=0, le=100)
    index: int = Field(default=30, ge=0, le=100)
    middle: int = Field(default=20, ge=0, le=100)
    ring: int = Field(default=10, ge=0, le=100)
    little: int = Field(default=10, ge=0, le=100)


class FingerprintRules(Document):
    """How fingers are taken: touches for each, scores, photos of exceptions, the same finger twice, formats."""

    attempts: int = Field(default=3, ge=1, le=10)
    thresholds: FingerThresholds = FingerThresholds()
    photo_of: frozenset[FingerReason] = frozenset()
    refuse_doubles: bool = True
    packing: Literal["wsq", "jpeg2000"] = "wsq"
    iso39794: bool = False


class QuietTimes(Document):
    """Records do not leave the kiosk from one time of the day up to another (HH:MM); over midnight is meant so."""

    begin: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    end: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")


class UplinkPolicy(Document):
    """How records leave. `max_kib_per_s`: None is as fast as it goes. Quiet hours are in the time of the place."""

    max_kib_per_s: int | None = Field(default=None, ge=16, le=10**7)
    quiet_hours: tuple[QuietTimes, ...] = Field(default=(), max_length=10)
    utc_offset_min: int = Field(default=420, ge=-12 * 60, le=14 * 60)


class LivenessRules(Document):
    """The challenge: how much is asked, and what the match with the chip's portrait must keep below."""

    turns: int = Field(default=2, ge=1, le=4)
    turns_alone: int = Field(default=3, ge=1, le=5)
    colours: int = Field(default=5, ge=3, le=8)
    tries: int = Field(default=3, ge=1, le=5)
    turn_within_s: float = Field(default=6.0, ge=1, le=60)
    face_within_s: float = Field(default=10.0, ge=1, le=60)
    least_lag_ms: int = Field(default=-50, ge=-200, le=0)
    most_lag_ms: int = Field(default=150, ge=50, le=400)
    match_distance: float = Field(default=0.6, gt=0, le=1.0)


class Policy(Document):
    """The rules of an intake.

    `may_fail` names the stages whose failed gates an operator may let pass, recorded as failed. `must_pass` names those
    that do not go on by themselves when they could not be assessed, such as a chip without trust anchors.
    `document` is the kind that people bring, `allow_bac` whether BAC may take the place of PACE where the kind allows
    it, `optional_groups` which of DG7, DG11, DG12 and DG16 are read and kept.
    Without `liveness` no living person is asked for, and the record says so.
    """

    version: str = Field(min_length=1, max_length=100)
    notice: NoticeText
    purpose: str = Field(min_length=1, max_length=1000)
    legal_basis: str = Field(min_length=1, max_length=1000)
    retention_class: str = Field(min_length=1, max_length=100)
    fingers: tuple[Finger, ...] = ("right_index", "left_index")
    fingerprint: FingerprintRules = FingerprintRules()
    portrait: PortraitSection = PortraitSection()
    dg13_fields: frozenset[int] | None = None
    keep_raw_dg13: bool = False
    document: Literal["cccd", "icao"] = "cccd"
    allow_bac: bool = False
    optional_groups: frozenset[Literal[7, 11, 12, 16]] = frozenset()
    may_fail: frozenset[StageName] = frozenset({"portrait", "fingerprints"})
    must_pass: frozenset[StageName] = frozenset({"chip"})
    liveness: LivenessRules | None = None
    answer_wait_s: float = Field(default=300, gt=0, le=3600)
    queue: QueueRules = QueueRules()
    uplink: UplinkPolicy = UplinkPolicy()


def parse_policy(document: bytes) -> Policy:
    """Read the policy document (JSON, UTF-8); raise PolicyUnreadable naming the wrong key."""
    try:
        return Policy.model_validate_json(document)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise PolicyUnreadable(faults) from error


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy in force and the SHA-256 of its document."""

    policy: Policy
    sha256: bytes
