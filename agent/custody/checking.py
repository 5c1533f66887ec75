"""Reading every record and checking what a kiosk can check: sums, the chain, and its own signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from agent.queue import Entry, Finding, QueueReader
from agent.sealing import SealingError, verify_record


@dataclass(frozen=True, slots=True)
class Checked:
    """What was read and what is wrong. `signatures` says whether they were checked, or why not."""

    records: int
    bytes: int
    findings: tuple[Finding, ...]
    signatures: str


def check(reader: QueueReader, public: ec.EllipticCurvePublicKey | None, seen: Callable[[int], None]) -> Checked:
    """Check every record that is kept; `seen` is called with each seq. Raises DiskFailing.

    Without the record key's `public` half signatures are not assessed.
    """
    findings: list[Finding] = []
    records = size = 0
    for found in reader.examine():
        if isinstance(found, Finding):
            findings.append(found)
            continue
        records, size = records + 1, size + len(found.ciphertext)
        wrong = _wrong(found, public) if public is not None else ""
        if wrong:
            findings.append(Finding(f"record {found.seq}", wrong))
        seen(found.seq)
    signatures = "checked" if public is not None else "not assessed: the record key's public half is not at hand"
    return Checked(records, size, tuple(findings), signatures)


def _wrong(entry: Entry, public: ec.EllipticCurvePublicKey) -> str:
    try:
        claims = verify_record(entry.cose_sign1, entry.ciphertext, public)
    except SealingError as error:
        return f"{error.code}: {error.detail}"
    place = (claims.epoch, claims.seq, claims.prev, claims.payload_sha256)
    return "" if place == (entry.epoch, entry.seq, entry.prev, entry.payload_sha256) else "signed for another place"
