"""The record's messages as our own types. Outside this package nobody touches a generated class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from agent.proto.convert import fill, parse, read
from agent.proto.errors import MessageInvalid
from agent.proto.framing import piece
from agent.proto.v1 import record_pb2

MAX_MANIFEST_BYTES = 2**20
MAX_CONTENT_BYTES = 64 * 2**20
MAX_PARTS = 200


class Verdict(IntEnum):
    """Outcome of a check or stage."""

    PASSED = 1
    FAILED = 2
    NOT_ASSESSED = 3


class Answer(IntEnum):
    """The person's answer to the notice."""

    ACKNOWLEDGED = 1
    REFUSED = 2
    NONE = 3


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A part's name, type, size and SHA-256(salt || part)."""

    name: str
    media_type: str
    size_bytes: int
    salted_sha256: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """One check; fields as in agent.capture.evidence.Check."""

    name: str
    verdict: Verdict
    reason: str = ""
    native: float | None = None
    unit: str = ""
    scalar: int | None = None
    gate: bool = True
    attested: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the visit; `took_ms` is wall time in milliseconds."""

    name: str
    verdict: Verdict
    reason: str
    checks: tuple[Check, ...]
    facts: Mapping[str, str]
    took_ms: int


@dataclass(frozen=True, slots=True)
class Operator:
    """Who operated the kiosk and how that is known."""

    name: str
    authenticated_by: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force, by version and hash."""

    version: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Software:
    """Version of the agent and SHA-256 (hex) of each model used."""

    agent_version: str
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """Wall clock, monotonic clock, last known offset to the collector and its age, nanoseconds.

    `boot_id` (16 bytes) names the boot that the monotonic clock counts from; empty when it is not known.
    """

    wall_ns: int
    monotonic_ns: int
    collector_offset_ns: int | None
    collector_offset_age_ns: int | None = None
    boot_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice as shown, and the answer."""

    id: str
    version: str
    language: str
    sha256: bytes
    shown_at_ns: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why the data is processed and how long it may be kept."""

    purpose: str
    legal_basis: str
    retention_class: str


@dataclass(frozen=True, slots=True)
class Member:
    """The roster row."""

    number: str = field(repr=False)
    full_name: str = field(repr=False)
    birth_date: str = field(repr=False)
    branch: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """How the visit went: `resumed` after a cut-off, and who opened it."""

    id: str
    resumed: bool
    opened_by: Operator


@dataclass(frozen=True, slots=True)
class DiscardedVisit:
    """A visit that was cut off and given up; `stages` are those that were finished."""

    visit_id: str
    discarded_at_ns: int
    stages: tuple[str, ...]
    operator: Operator


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that was captured and decided in one visit."""

    record_id: bytes
    salt: bytes = field(repr=False)
    parts: tuple[PartEntry, ...]
    stages: tuple[Stage, ...]
    operator: Operator
    policy: Policy
    software: Software
    time: CaptureTime
    notice: Notice
    purpose: Purpose
    member: Member
    kiosk: str
    station: str
    visit: Visit
    discarded_visits: tuple[DiscardedVisit, ...] = ()

    def to_bytes(self) -> bytes:
        """Serialise; keep the bytes as made, since protobuf is not canonical."""
        return fill(record_pb2.Manifest(), self).SerializeToString()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Parse; raise MessageInvalid."""
        manifest = read(parse(data, record_pb2.Manifest(), MAX_MANIFEST_BYTES), cls)
        if len(manifest.parts) > MAX_PARTS:
            raise MessageInvalid(f"Manifest.parts: {len(manifest.parts)}")
        return manifest


@dataclass(frozen=True, slots=True)
class SealedContent:
    """What is encrypted: the manifest's bytes and the parts in its order."""

    manifest: bytes = field(repr=False)
    parts: tuple[bytes, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """Serialise; the parts are copied once."""
        pieces = [piece(1, self.manifest), *(piece(2, part) for part in self.parts)]
        return b"".join(chunk for pair in pieces for chunk in pair)

    @classmethod
    def from_bytes(cls, data: bytes) -> SealedContent:
        """Parse; raise MessageInvalid."""
        return read(parse(data, record_pb2.SealedContent(), MAX_CONTENT_BYTES), cls)
