"""What vouches for a report: a COSE_Sign1 beside the file, by the record key, over its hash and where it is from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing import SignatureInvalid, SigningKey
from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take, take_bytes, take_count

CONTENT_TYPE = "application/vnd.kiosk.readiness-report.v1+cbor"
HASH_BYTES = 32
_WHAT = "report"
_KEYS = frozenset({"sha256", "kiosk", "machine", "version", "time"})


@dataclass(frozen=True, slots=True)
class ReportClaims:
    """What is signed: the file's SHA-256, the kiosk, the machine's mark, the software and when (ns)."""

    sha256: bytes
    kiosk: str
    machine: str
    version: str
    time_ns: int


def proof_path(report: Path) -> Path:
    """Return where the signature of a report lies."""
    return report.with_name(report.name + ".cose")


def claims_of(data: bytes, kiosk: str, machine: str, version: str, time_ns: int) -> ReportClaims:
    """Return what is to be signed of a report's bytes."""
    return ReportClaims(hashlib.sha256(data).digest(), kiosk, machine, version, time_ns)


def sign_report(claims: ReportClaims, key: SigningKey) -> bytes:
    """Return the signature file."""
    payload = {
        "sha256": claims.sha256,
        "kiosk": claims.kiosk,
        "machine": claims.machine,
        "version": claims.version,
        "time": claims.time_ns,
    }
    return sign1(encode(payload), CONTENT_TYPE, key)


def verify_report(data: bytes, proof: bytes, public: ec.EllipticCurvePublicKey) -> ReportClaims:
    """Return what was signed, if it was signed by this key and about these bytes; raise Malformed, SignatureInvalid."""
    values = decode_map(parse_sign1(proof, CONTENT_TYPE).verify(public), _KEYS, _WHAT)
    claims = ReportClaims(
        take_bytes(values, "sha256", HASH_BYTES, _WHAT),
        take(values, "kiosk", str, _WHAT),
        take(values, "machine", str, _WHAT),
        take(values, "version", str, _WHAT),
        take_count(values, "time", _WHAT),
    )
    if claims.sha256 != hashlib.sha256(data).digest():
        raise SignatureInvalid("the report was changed")
    return claims
