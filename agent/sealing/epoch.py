"""A new epoch: which record key signs from now on, what it follows, and who allowed it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.core import HASH_BYTES
from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import check_map, decode_map, encode, take, take_bytes, take_count
from agent.sealing.errors import Malformed, SignatureInvalid
from agent.sealing.keys import POINT_BYTES, RecordKey, key_id, point_of, public_key_from_point

CONTENT_TYPE = "application/vnd.kiosk.epoch.v1+cbor"
MAX_REASON = 200
MAX_LOST = 10_000
_KEYS = frozenset({"kiosk", "epoch", "key", "previous", "reason", "token", "lost", "time"})
_PREVIOUS_KEYS = frozenset({"epoch", "next_seq", "head", "acknowledged"})
_WHAT = "epoch start"


@dataclass(frozen=True, slots=True)
class PreviousEpoch:
    """Where the epoch before ended on this kiosk. Records from `acknowledged` on are issued again in the new one."""

    epoch: int
    next_seq: int
    head: bytes
    acknowledged: int


@dataclass(frozen=True, slots=True)
class EpochClaims:
    """What a new epoch's two signatures say. `key` is the new public point, 65 bytes.

    `previous` is None when nothing of the epoch before is left on the kiosk (a lost disk). `lost` are seqs of the
    epoch before that waited for the collector and cannot be read any more. `token_sha256` names the technician's token.
    """

    kiosk: str
    epoch: int
    key: bytes = field(repr=False)
    previous: PreviousEpoch | None
    reason: str
    token_sha256: bytes | None
    lost: tuple[int, ...]
    time_ns: int

    @property
    def head(self) -> bytes:
        """The `prev` of the epoch's first record; it links the head of the epoch before."""
        return epoch_start(self.kiosk, self.epoch, key_id(public_key_from_point(self.key)), self.previous)

    def to_bytes(self) -> bytes:
        """Return the payload: deterministic CBOR."""
        previous = self.previous and {
            "epoch": self.previous.epoch,
            "next_seq": self.previous.next_seq,
            "head": self.previous.head,
            "acknowledged": self.previous.acknowledged,
        }
        return encode(
            {
                "kiosk": self.kiosk,
                "epoch": self.epoch,
                "key": self.key,
                "previous": previous,
                "reason": self.reason,
                "token": self.token_sha256,
                "lost": list(self.lost),
                "time": self.time_ns,
            }
        )

    @classmethod
    def from_bytes(cls, payload: bytes) -> EpochClaims:
        """Parse strictly; raise Malformed."""
        values = decode_map(payload, _KEYS, _WHAT)
        epoch, lost, reason = take_count(values, "epoch", _WHAT), values["lost"], take(values, "reason", str, _WHAT)
        previous = None if values["previous"] is None else _previous(values["previous"])
        if not isinstance(lost, list) or len(lost) > MAX_LOST or not all(type(s) is int and s >= 0 for s in lost):
            raise Malformed(f"{_WHAT}: lost")
        if not reason or len(reason) > MAX_REASON or (previous is not None and previous.epoch >= epoch):
            raise Malformed(f"{_WHAT}: reason or previous epoch")
        return cls(
            kiosk=take(values, "kiosk", str, _WHAT),
            epoch=epoch,
            key=take_bytes(values, "key", POINT_BYTES, _WHAT),
            previous=previous,
            reason=reason,
            token_sha256=None if values["token"] is None else take_bytes(values, "token", HASH_BYTES, _WHAT),
            lost=tuple(lost),
            time_ns=take_count(values, "time", _WHAT),
        )


@dataclass(frozen=True, slots=True)
class EpochProof:
    """The claims, signed by the new key and, when it is there, by the old one."""

    by_new_key: bytes = field(repr=False)
    by_old_key: bytes = field(repr=False)


def epoch_start(kiosk: str, epoch: int, key: bytes, previous: PreviousEpoch | None = None) -> bytes:
    """Return the `prev` of an epoch's first record (seq 0): it binds kiosk, epoch, record key id and the old head."""
    before = None if previous is None else [previous.epoch, previous.next_seq, previous.head]
    return hashlib.sha256(encode(["kiosk-epoch-v1", kiosk, epoch, key, before])).digest()


def sign_epoch(claims: EpochClaims, new_key: RecordKey, old_key: RecordKey | None) -> EpochProof:
    """Sign a new epoch; `old_key` is None when it is lost. Raises Malformed when the claims name another new key."""
    if claims.key != point_of(new_key.public_key):
        raise Malformed(f"{_WHAT}: key")
    payload = claims.to_bytes()
    by_old_key = b"" if old_key is None else sign1(payload, CONTENT_TYPE, old_key)
    return EpochProof(sign1(payload, CONTENT_TYPE, new_key), by_old_key)


def verify_epoch(proof: EpochProof, old_key: ec.EllipticCurvePublicKey | None) -> EpochClaims:
    """Return the claims when the new key signed them, and the old one too if its signature is there.

    Without `old_key` the old key's signature is not looked at.
    Raises Malformed, KeyUnusable, or SignatureInvalid. Whether the old key's signature is needed is for the caller.
    """
    signed = parse_sign1(proof.by_new_key, CONTENT_TYPE)
    claims = EpochClaims.from_bytes(signed.payload)
    signed.verify(public_key_from_point(claims.key))
    if (
        old_key is not None
        and proof.by_old_key
        and parse_sign1(proof.by_old_key, CONTENT_TYPE).verify(old_key) != signed.payload
    ):
        raise SignatureInvalid("the old key signed something else")
    return claims


def _previous(value: object) -> PreviousEpoch:
    values = check_map(value, _PREVIOUS_KEYS, _WHAT)
    next_seq, acknowledged = (take_count(values, name, _WHAT) for name in ("next_seq", "acknowledged"))
    if acknowledged > next_seq:
        raise Malformed(f"{_WHAT}: acknowledged")
    return PreviousEpoch(
        take_count(values, "epoch", _WHAT), next_seq, take_bytes(values, "head", HASH_BYTES, _WHAT), acknowledged
    )
