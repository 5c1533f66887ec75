"""Judging what arrives: signature, chain, place. Nothing here waits or touches the network."""

from __future__ import annotations

from dataclasses import dataclass

from agent.proto.stream import Open, Reject, RejectCode, SealedRecord
from agent.sealing import (
    KeyUnusable,
    Malformed,
    RecordClaims,
    SignatureInvalid,
    public_key_from_point,
    verify_record,
)
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


def greet(greeting: Open, peer_name: str, position: KioskPosition | None) -> KioskPosition:
    """Return the position to go on from; raise Refused for a kiosk that may not, or that stands where it cannot.

    `peer_name` is the name in the client's certificate. A kiosk behind us, or beside us, is a copy of an older disk.
    """
    seq = greeting.next_seq
    if greeting.kiosk != peer_name:
        raise Refused(RejectCode.UNKNOWN_KIOSK, f"the certificate is for {peer_name}", seq)
    if position is None:
        raise Refused(RejectCode.UNKNOWN_KIOSK, "not registered", seq)
    if greeting.epoch != position.epoch:
        raise Refused(RejectCode.UNKNOWN_EPOCH, f"epoch {position.epoch} is registered", seq)
    if seq < position.next_seq:
        raise Refused(RejectCode.FORK, f"the kiosk stands at seq {seq}, expected {position.next_seq} or more", seq)
    if seq == position.next_seq and greeting.head != position.head:
        raise Refused(RejectCode.FORK, "another record before it", seq)
    return position


def judge(store: RecordStore, rules: Rules, position: KioskPosition, record: SealedRecord) -> NewRecord | None:
    """Return the record to store after `position`, or None when it is here already; raise Refused.

    A valid signature with content that we cannot use is stored in quarantine, so that one bad record blocks nobody.
    """
    if record.seq > position.next_seq:
        raise Refused(RejectCode.OUT_OF_RANGE, f"expected seq {position.next_seq}", record.seq)
    claims = _claims(position, record)
    if record.seq < position.next_seq:
        if store.payload_hash(position.kiosk, position.epoch, record.seq) != claims.payload_sha256:
            raise Refused(RejectCode.FORK, "another record under this number", record.seq)
        return None
    if claims.prev != position.head:
        raise Refused(RejectCode.FORK, "another record before it", record.seq)
    if claims.core.test and not rules.development:
        raise Refused(RejectCode.TEST_RECORD, "test records are for collectors in development", record.seq)
    quarantined = _unusable(rules, position, claims)
    return NewRecord(record, claims.core.record_id, claims.prev, claims.payload_sha256, claims.core.test, quarantined)


def _claims(position: KioskPosition, record: SealedRecord) -> RecordClaims:
    try:
        claims = verify_record(record.cose_sign1, record.ciphertext, public_key_from_point(position.record_key))
    except (Malformed, SignatureInvalid, KeyUnusable) as error:
        raise Refused(RejectCode.INVALID_RECORD, error.code, record.seq) from error
    if claims.epoch != position.epoch:
        raise Refused(RejectCode.UNKNOWN_EPOCH, f"epoch {claims.epoch}", record.seq)
    if claims.seq != record.seq:
        raise Refused(RejectCode.INVALID_RECORD, f"signed as seq {claims.seq}", record.seq)
    return claims


def _unusable(rules: Rules, position: KioskPosition, claims: RecordClaims) -> str:
    """Say why a record with a valid signature needs people; empty when it does not."""
    if claims.core.kiosk != position.kiosk:
        return f"names kiosk {claims.core.kiosk}"
    if claims.core.recipient_key_id not in rules.recipient_key_ids:
        return f"sealed for unknown key {claims.core.recipient_key_id.hex()}"
    if claims.ciphertext_length > rules.max_record_bytes:
        return f"{claims.ciphertext_length} bytes, {rules.max_record_bytes} allowed"
    return ""
