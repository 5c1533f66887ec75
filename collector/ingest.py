"""Judging what arrives: signature, chain, place. Nothing here waits or touches the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from agent.proto.stream import Checkpoint, LostAtCollector, Open, Reject, RejectCode, SealedRecord, Tombstone
from agent.sealing import (
    CheckpointClaims,
    KeyUnusable,
    LostRangeClaims,
    Malformed,
    RecordClaims,
    SignatureInvalid,
    public_key_from_point,
    verify_checkpoint,
    verify_lost_range,
    verify_record,
    verify_tombstone,
)
from collector.store import KioskPosition, NewRecord, NewTombstone, RecordStore

Claims = TypeVar("Claims")


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


def identify(greeting: Open, peer_name: str, position: KioskPosition | None) -> KioskPosition:
    """Return the position of a kiosk that is registered and whose certificate names it; raise Refused."""
    if greeting.kiosk != peer_name:
        raise Refused(RejectCode.UNKNOWN_KIOSK, f"the certificate is for {peer_name}", greeting.next_seq)
    if position is None:
        raise Refused(RejectCode.UNKNOWN_KIOSK, "not registered", greeting.next_seq)
    return position


def greet(greeting: Open, position: KioskPosition) -> KioskPosition:
    """Return the position to go on from; raise Refused for a kiosk that stands where it cannot.

    A kiosk behind us, or beside us, is a copy of an older disk.
    """
    seq = greeting.next_seq
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
    claims = _record_claims(position, record)
    if record.seq < position.next_seq:
        if store.payload_hash(position.kiosk, position.epoch, record.seq) != claims.payload_sha256:
            raise Refused(RejectCode.FORK, "another record under this number", record.seq)
        return None
    if claims.prev != position.head:
        raise Refused(RejectCode.FORK, "another record before it", record.seq)
    if claims.core.test and not rules.development:
        raise Refused(RejectCode.TEST_RECORD, "test records are for collectors in development", record.seq)
    quarantined = _unusable(rules, position, claims)
    return NewRecord(
        record,
        claims.core.record_id,
        claims.prev,
        claims.payload_sha256,
        claims.core.test,
        claims.ciphertext_sha256,
        quarantined,
    )


def judge_tombstone(store: RecordStore, position: KioskPosition, tombstone: Tombstone) -> NewTombstone | None:
    """Return what takes the place of a lost record, or None when the record or its tombstone is here already.

    Raises Refused.
    """
    seq = tombstone.seq
    if seq > position.next_seq:
        raise Refused(RejectCode.OUT_OF_RANGE, f"expected seq {position.next_seq}", seq)
    claims = _verified(position, seq, verify_tombstone, tombstone.cose_sign1)
    if (claims.kiosk, claims.epoch, claims.seq) != (position.kiosk, position.epoch, seq):
        raise Refused(RejectCode.INVALID_RECORD, f"signed for {claims.kiosk} {claims.epoch}/{claims.seq}", seq)
    if seq < position.next_seq:
        if store.payload_hash(position.kiosk, position.epoch, seq) != claims.payload_sha256:
            raise Refused(RejectCode.FORK, "another record under this number", seq)
        return None
    if claims.prev != position.head:
        raise Refused(RejectCode.FORK, "another record before it", seq)
    return NewTombstone(seq, claims.prev, claims.payload_sha256, claims.known, claims.reason, tombstone.cose_sign1)


def judge_checkpoint(position: KioskPosition, checkpoint: Checkpoint) -> CheckpointClaims:
    """Return what the kiosk says of where it stands; raise Refused when it contradicts what is stored here."""
    claims = _verified(position, checkpoint.next_seq, verify_checkpoint, checkpoint.signature)
    named = (claims.kiosk, claims.epoch, claims.next_seq, claims.head)
    if named != (position.kiosk, position.epoch, checkpoint.next_seq, checkpoint.head):
        raise Refused(RejectCode.INVALID_RECORD, "signed for another place", checkpoint.next_seq)
    beside = claims.next_seq == position.next_seq and claims.head != position.head
    if claims.next_seq < position.next_seq or beside:
        raise Refused(RejectCode.FORK, f"the kiosk stands at seq {claims.next_seq}", claims.next_seq)
    return claims


def judge_lost_range(position: KioskPosition, lost: LostAtCollector) -> LostRangeClaims:
    """Return a range that both ends have lost; raise Refused unless it begins where our records end."""
    claims = _verified(position, lost.first_seq, verify_lost_range, lost.cose_sign1)
    named = (claims.kiosk, claims.epoch, claims.first_seq, claims.next_seq)
    if named != (position.kiosk, position.epoch, lost.first_seq, lost.next_seq):
        raise Refused(RejectCode.INVALID_RECORD, "signed for another place", lost.first_seq)
    if claims.first_seq != position.next_seq:
        raise Refused(RejectCode.OUT_OF_RANGE, f"expected seq {position.next_seq}", lost.first_seq)
    return claims


def _verified(
    position: KioskPosition, seq: int, verify: Callable[[bytes, ec.EllipticCurvePublicKey], Claims], data: bytes
) -> Claims:
    try:
        return verify(data, public_key_from_point(position.record_key))
    except (Malformed, SignatureInvalid, KeyUnusable) as error:
        raise Refused(RejectCode.INVALID_RECORD, error.code, seq) from error


def _record_claims(position: KioskPosition, record: SealedRecord) -> RecordClaims:
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
