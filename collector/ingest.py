"""Judging what arrives: signature, chain, place. Nothing here waits or touches the network."""

from __future__ import annotations

from dataclasses import dataclass

from agent.proto.stream import Reject, RejectCode, SealedRecord
from agent.sealing import KeyUnusable, Malformed, SignatureInvalid, public_key_from_point, verify_record
from collector.store import KioskPosition, NewRecord, RecordStore


@dataclass(frozen=True, slots=True)
class Rules:
    """What this collector accepts."""

    development: bool
    max_record_bytes: int
    recipient_key_ids: frozenset[bytes]


class Refused(Exception):
    """The stream must end with this Reject; the position is unchanged."""

    def __init__(self, code: RejectCode, reason: str, seq: int) -> None:
        super().__init__(reason)
        self.reject = Reject(code, reason, seq)


def judge(store: RecordStore, rules: Rules, position: KioskPosition, record: SealedRecord) -> NewRecord | None:
    """Return the record to store after `position`, or None when it is here already; raise Refused.

    A valid signature with content that we cannot use is stored in quarantine, so that one bad record blocks nobody.
    """
    if record.seq < position.next_seq:
        _check_known(store, position, record)
        return None
    if record.seq > position.next_seq:
        raise Refused(RejectCode.OUT_OF_RANGE, f"expected seq {position.next_seq}", record.seq)
    try:
        claims = verify_record(record.cose_sign1, record.ciphertext, public_key_from_point(position.record_key))
    except (Malformed, SignatureInvalid, KeyUnusable) as error:
        raise Refused(RejectCode.INVALID_RECORD, error.code, record.seq) from error
    if claims.epoch != position.epoch:
        raise Refused(RejectCode.UNKNOWN_EPOCH, f"epoch {claims.epoch}", record.seq)
    if claims.seq != record.seq:
        raise Refused(RejectCode.INVALID_RECORD, f"signed as seq {claims.seq}", record.seq)
    if claims.prev != position.head:
        raise Refused(RejectCode.FORK, "another record before it", record.seq)
    if claims.core.test and not rules.development:
        raise Refused(RejectCode.TEST_RECORD, "test records are for collectors in development", record.seq)
    quarantined = ""
    if claims.core.kiosk != position.kiosk:
        quarantined = f"names kiosk {claims.core.kiosk}"
    elif claims.core.recipient_key_id not in rules.recipient_key_ids:
        quarantined = f"sealed for unknown key {claims.core.recipient_key_id.hex()}"
    elif len(record.ciphertext) > rules.max_record_bytes:
        quarantined = f"{len(record.ciphertext)} bytes, {rules.max_record_bytes} allowed"
    return NewRecord(record, claims.core.record_id, claims.prev, claims.payload_sha256, claims.core.test, quarantined)


def _check_known(store: RecordStore, position: KioskPosition, record: SealedRecord) -> None:
    """Let an equal record pass, refuse another one under the same number."""
    try:
        claims = verify_record(record.cose_sign1, record.ciphertext, public_key_from_point(position.record_key))
    except (Malformed, SignatureInvalid) as error:
        raise Refused(RejectCode.INVALID_RECORD, error.code, record.seq) from error
    if store.payload_hash(position.kiosk, position.epoch, record.seq) != claims.payload_sha256:
        raise Refused(RejectCode.FORK, "another record under this number", record.seq)
