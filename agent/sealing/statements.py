"""What a kiosk says of its chain besides records: tombstone, checkpoint, lost range; each one COSE_Sign1."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.core import HASH_BYTES
from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take, take_bytes, take_count
from agent.sealing.errors import Malformed
from agent.sealing.keys import RecordKey

TOMBSTONE_TYPE = "application/vnd.kiosk.tombstone.v1+cbor"
CHECKPOINT_TYPE = "application/vnd.kiosk.checkpoint.v1+cbor"
LOST_RANGE_TYPE = "application/vnd.kiosk.lost-range.v1+cbor"
MAX_REASON = 200
# The one reason that a kiosk itself can know.
DAMAGED = "damaged on the kiosk's disk; what is left is kept in quarantine"
_TOMBSTONE_KEYS = frozenset({"kiosk", "epoch", "seq", "prev", "payload", "known", "reason", "time"})
_CHECKPOINT_KEYS = frozenset({"kiosk", "epoch", "next_seq", "head", "time"})
_LOST_RANGE_KEYS = frozenset({"kiosk", "epoch", "first_seq", "next_seq", "head", "time"})


@dataclass(frozen=True, slots=True)
class TombstoneClaims:
    """Record `seq`, after the record whose payload hashes to `prev`, is lost.

    `payload_sha256` is the head after it: its own payload hash when `known`, otherwise what stands for it.
    """

    kiosk: str
    epoch: int
    seq: int
    prev: bytes
    payload_sha256: bytes
    known: bool
    reason: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class CheckpointClaims:
    """The kiosk stands at `next_seq`, after the record whose payload hashes to `head`."""

    kiosk: str
    epoch: int
    next_seq: int
    head: bytes
    time_ns: int


@dataclass(frozen=True, slots=True)
class LostRangeClaims:
    """Records from `first_seq` up to, not including, `next_seq` were receipted and are gone at both ends.

    `head` is the payload hash of the last of them.
    """

    kiosk: str
    epoch: int
    first_seq: int
    next_seq: int
    head: bytes
    time_ns: int


def sign_tombstone(claims: TombstoneClaims, key: RecordKey) -> bytes:
    """Return the COSE_Sign1."""
    values = {
        "kiosk": claims.kiosk,
        "epoch": claims.epoch,
        "seq": claims.seq,
        "prev": claims.prev,
        "payload": claims.payload_sha256,
        "known": claims.known,
        "reason": claims.reason,
        "time": claims.time_ns,
    }
    return sign1(encode(values), TOMBSTONE_TYPE, key)


def verify_tombstone(data: bytes, public: ec.EllipticCurvePublicKey) -> TombstoneClaims:
    """Return the claims; raise Malformed or SignatureInvalid."""
    what = "tombstone"
    values = decode_map(parse_sign1(data, TOMBSTONE_TYPE).verify(public), _TOMBSTONE_KEYS, what)
    reason = take(values, "reason", str, what)
    if not reason or len(reason) > MAX_REASON:
        raise Malformed(f"{what}: reason")
    return TombstoneClaims(
        kiosk=take(values, "kiosk", str, what),
        epoch=take_count(values, "epoch", what),
        seq=take_count(values, "seq", what),
        prev=take_bytes(values, "prev", HASH_BYTES, what),
        payload_sha256=take_bytes(values, "payload", HASH_BYTES, what),
        known=take(values, "known", bool, what),
        reason=reason,
        time_ns=take_count(values, "time", what),
    )


def sign_checkpoint(claims: CheckpointClaims, key: RecordKey) -> bytes:
    """Return the COSE_Sign1."""
    values = {
        "kiosk": claims.kiosk,
        "epoch": claims.epoch,
        "next_seq": claims.next_seq,
        "head": claims.head,
        "time": claims.time_ns,
    }
    return sign1(encode(values), CHECKPOINT_TYPE, key)


def verify_checkpoint(data: bytes, public: ec.EllipticCurvePublicKey) -> CheckpointClaims:
    """Return the claims; raise Malformed or SignatureInvalid."""
    what = "checkpoint"
    values = decode_map(parse_sign1(data, CHECKPOINT_TYPE).verify(public), _CHECKPOINT_KEYS, what)
    return CheckpointClaims(
        kiosk=take(values, "kiosk", str, what),
        epoch=take_count(values, "epoch", what),
        next_seq=take_count(values, "next_seq", what),
        head=take_bytes(values, "head", HASH_BYTES, what),
        time_ns=take_count(values, "time", what),
    )


def sign_lost_range(claims: LostRangeClaims, key: RecordKey) -> bytes:
    """Return the COSE_Sign1."""
    values = {
        "kiosk": claims.kiosk,
        "epoch": claims.epoch,
        "first_seq": claims.first_seq,
        "next_seq": claims.next_seq,
        "head": claims.head,
        "time": claims.time_ns,
    }
    return sign1(encode(values), LOST_RANGE_TYPE, key)


def verify_lost_range(data: bytes, public: ec.EllipticCurvePublicKey) -> LostRangeClaims:
    """Return the claims; raise Malformed or SignatureInvalid."""
    what = "lost range"
    values = decode_map(parse_sign1(data, LOST_RANGE_TYPE).verify(public), _LOST_RANGE_KEYS, what)
    first_seq, next_seq = (take_count(values, name, what) for name in ("first_seq", "next_seq"))
    if first_seq >= next_seq:
        raise Malformed(f"{what}: next_seq")
    return LostRangeClaims(
        kiosk=take(values, "kiosk", str, what),
        epoch=take_count(values, "epoch", what),
        first_seq=first_seq,
        next_seq=next_seq,
        head=take_bytes(values, "head", HASH_BYTES, what),
        time_ns=take_count(values, "time", what),
    )
