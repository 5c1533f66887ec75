"""The signed record: one COSE_Sign1 over core, place in the chain, and the ciphertext's hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.core import HASH_BYTES, Core
from agent.sealing.cose import Sign1, parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take_bytes, take_count
from agent.sealing.errors import SignatureInvalid
from agent.sealing.keys import RecordKey

CONTENT_TYPE = "application/vnd.kiosk.record.v1+cbor"
_KEYS = frozenset({"core", "epoch", "seq", "prev", "ciphertext", "length"})
_WHAT = "record payload"


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record as it is stored and sent. `payload_sha256` is the head of the chain after it."""

    epoch: int
    seq: int
    prev: bytes
    payload_sha256: bytes
    cose_sign1: bytes = field(repr=False)
    ciphertext_sha256: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordClaims:
    """What a record's payload says; believe it only after the signature was checked."""

    core: Core
    epoch: int
    seq: int
    prev: bytes
    ciphertext_sha256: bytes
    ciphertext_length: int
    payload_sha256: bytes


def sign_record(core: Core, epoch: int, seq: int, prev: bytes, ciphertext: bytes, key: RecordKey) -> SignedRecord:
    """Sign one record as number `seq` of `epoch`, after the record whose payload hashes to `prev`."""
    ciphertext_sha256 = hashlib.sha256(ciphertext).digest()
    payload = record_payload(core, epoch, seq, prev, ciphertext_sha256, len(ciphertext))
    signed = sign1(payload, CONTENT_TYPE, key)
    return SignedRecord(epoch, seq, prev, hashlib.sha256(payload).digest(), signed, ciphertext_sha256)


def reissue_record(claims: RecordClaims, epoch: int, seq: int, prev: bytes, key: RecordKey) -> SignedRecord:
    """Sign a record that was verified before once more, in another place: same core and ciphertext, new payload."""
    payload = record_payload(claims.core, epoch, seq, prev, claims.ciphertext_sha256, claims.ciphertext_length)
    signed = sign1(payload, CONTENT_TYPE, key)
    return SignedRecord(epoch, seq, prev, hashlib.sha256(payload).digest(), signed, claims.ciphertext_sha256)


def record_payload(core: Core, epoch: int, seq: int, prev: bytes, ciphertext_sha256: bytes, length: int) -> bytes:
    """Return what is signed: deterministic CBOR."""
    return encode(
        {
            "core": core.to_bytes(),
            "epoch": epoch,
            "seq": seq,
            "prev": prev,
            "ciphertext": ciphertext_sha256,
            "length": length,
        }
    )


def verify_record(cose_sign1: bytes, ciphertext: bytes, public: ec.EllipticCurvePublicKey) -> RecordClaims:
    """Return the claims of a record whose signature and ciphertext are right.

    Raises Malformed, or SignatureInvalid when the signature, the key or the ciphertext's hash is wrong.
    """
    signed = parse_sign1(cose_sign1, CONTENT_TYPE)
    signed.verify(public)
    claims = _claims(signed)
    if claims.ciphertext_length != len(ciphertext) or claims.ciphertext_sha256 != hashlib.sha256(ciphertext).digest():
        raise SignatureInvalid("the ciphertext is not the signed one")
    return claims


def peek_record(cose_sign1: bytes) -> RecordClaims:
    """Return the claims without checking the signature. Raises Malformed."""
    return _claims(parse_sign1(cose_sign1, CONTENT_TYPE))


def _claims(signed: Sign1) -> RecordClaims:
    values = decode_map(signed.payload, _KEYS, _WHAT)
    return RecordClaims(
        core=Core.from_bytes(values["core"] if isinstance(values["core"], bytes) else b""),
        epoch=take_count(values, "epoch", _WHAT),
        seq=take_count(values, "seq", _WHAT),
        prev=take_bytes(values, "prev", HASH_BYTES, _WHAT),
        ciphertext_sha256=take_bytes(values, "ciphertext", HASH_BYTES, _WHAT),
        ciphertext_length=take_count(values, "length", _WHAT),
        payload_sha256=hashlib.sha256(signed.payload).digest(),
    )
