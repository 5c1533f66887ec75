"""What the journal of a visit remembers: how it began, and each finished stage. CBOR (RFC 8949) both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import cbor2

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.intake.errors import JournalUnreadable

# Any: decoded CBOR, whose shape the constructors check.
Decoded = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VisitStart:
    """How a visit began. `policy_sha256` ties what follows to the rules it was judged by; times are Unix, in ns."""

    visit_id: str
    record_id: bytes
    number: str = field(repr=False)
    operator_name: str
    operator_authenticated_by: str
    language: str
    policy_sha256: bytes
    notice_shown_at_ns: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return cbor2.dumps(asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> VisitStart:
        """Decode; raise JournalUnreadable."""
        return cast(VisitStart, _decoded(data, lambda told: cls(**told)))


@dataclass(frozen=True, slots=True)
class FinishedStage:
    """A stage that is over: its evidence, its wall time in ms, and what the person is shown before confirming."""

    evidence: Evidence
    took_ms: int
    shown: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        """Encode, parts included."""
        evidence = self.evidence
        return cbor2.dumps(
            {
                "stage": evidence.stage,
                "checks": [asdict(check) | {"verdict": check.verdict.value} for check in evidence.checks],
                "parts": [asdict(part) for part in evidence.parts],
                "facts": dict(evidence.facts),
                "took_ms": self.took_ms,
                "shown": dict(self.shown),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> FinishedStage:
        """Decode; raise JournalUnreadable."""
        return cast(FinishedStage, _decoded(data, cls._of))

    @classmethod
    def _of(cls, told: Decoded) -> FinishedStage:
        checks = tuple(Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in told["checks"])
        parts = tuple(Part(**part) for part in told["parts"])
        return cls(Evidence(told["stage"], checks, parts, told["facts"]), told["took_ms"], told["shown"])


def _decoded(data: bytes, build: Any) -> object:
    try:
        return build(cbor2.loads(data))
    except (cbor2.CBORDecodeError, TypeError, ValueError, KeyError) as error:
        # Not the error's text: it may quote people's data.
        raise JournalUnreadable(type(error).__name__) from None
