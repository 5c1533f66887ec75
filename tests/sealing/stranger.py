"""What somebody who has docs/record.md, the RFCs and the published vectors writes; nothing of ours is imported here.

RFC 9180 and X-Wing are put together from HMAC, SHA-3, X25519, ML-KEM and AES-GCM; protobuf is read field by field.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HKDF_SHA256, AES_256_GCM = 0x0001, 0x0002
X25519, XWING = 0x0020, 0x647A
MLKEM_CIPHERTEXT, MLKEM_PUBLIC = 1088, 1184
XWING_LABEL = rb"\.//^" + b"\\"

Json = dict[str, Any]  # Any: JSON nests freely


@dataclass(frozen=True)
class Opening:
    """The steps of one HPKE opening (RFC 9180, 5.1 and 6.1)."""

    shared_secret: bytes
    key: bytes
    base_nonce: bytes
    content: bytes


def open_hpke(key: Json, sealed: bytes, info: bytes) -> Opening:
    """Open encapsulated key || ciphertext || tag with a private key of the vectors. Raises InvalidTag."""
    kem = key["suite"]
    length = 32 if kem == X25519 else MLKEM_CIPHERTEXT + 32
    enc, body = sealed[:length], sealed[length:]
    secret = _dhkem(key, enc) if kem == X25519 else _xwing(key, enc)
    suite = b"HPKE" + struct.pack(">HHH", kem, HKDF_SHA256, AES_256_GCM)
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    schedule = _extract(suite, secret, b"secret", b"")
    aead = _expand(suite, schedule, b"key", context, 32)
    nonce = _expand(suite, schedule, b"base_nonce", context, 12)
    return Opening(secret, aead, nonce, AESGCM(aead).decrypt(nonce, body, b""))


def _dhkem(key: Json, enc: bytes) -> bytes:
    suite = b"KEM" + struct.pack(">H", X25519)
    shared = _extract(suite, b"", b"eae_prk", _exchange(key, enc))
    return _expand(suite, shared, b"shared_secret", enc + bytes.fromhex(key["public"]), 32)


def _xwing(key: Json, enc: bytes) -> bytes:
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(key["mlkem768_seed"]))
    curve = enc[MLKEM_CIPHERTEXT:]
    secrets = lattice.decapsulate(enc[:MLKEM_CIPHERTEXT]) + _exchange(key, curve)
    return hashlib.sha3_256(secrets + curve + bytes.fromhex(key["public"])[MLKEM_PUBLIC:] + XWING_LABEL).digest()


def _exchange(key: Json, theirs: bytes) -> bytes:
    private = x25519.X25519PrivateKey.from_private_bytes(bytes.fromhex(key["x25519_private"]))
    return private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """One block of HKDF-Expand is enough for all lengths here."""
    return hmac.digest(secret, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info + b"\1", "sha256")[:length]


def verify_sign1(data: bytes, key: Json, content_type: str) -> bytes:
    """Return the payload of a COSE_Sign1 by this signing key. Raises ValueError or InvalidSignature."""
    signed = cbor2.loads(data)
    if signed.tag != 18 or signed.value[1] != {}:
        raise ValueError("not our COSE_Sign1")
    protected, _, payload, signature = signed.value
    if cbor2.loads(protected) != {1: -7, 3: content_type, 4: bytes.fromhex(key["key_id"])}:
        raise ValueError("protected header")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(key["point"]))
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    structure = cbor2.dumps(["Signature1", protected, b"", payload])
    public.verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))
    return bytes(payload)


def fields(data: bytes) -> dict[int, list[int | bytes]]:
    """Read one protobuf message: the values of each field number, in order."""
    found: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value: int | bytes
                value, at = _varint(data, at)
            case 1:
                value, at = data[at : at + 8], at + 8
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case kind:
                raise ValueError(f"wire type {kind}")
        found.setdefault(tag >> 3, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
