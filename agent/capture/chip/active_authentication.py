"""Active authentication (Doc 9303-11, 6.1): the chip signs a challenge with the key whose public part is in DG15.

The challenge binds to the coming record, and its inputs are recorded with the answer, so that a collector can verify
all of it again and an old answer shows as a replay.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import keys as asn1_keys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.capture.chip import apdu, ecdsa, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.ecdsa import EllipticKey
from agent.capture.chip.errors import ChipDataError, StatusError
from agent.capture.chip.message_recovery import verify_recovered
from agent.capture.chip.pace_steps import Random
from agent.capture.chip.secure_messaging import SecureSession
from agent.capture.chip.signatures import HASHES, UNUSABLE
from agent.capture.chip.trust import PublicKey, key_of
from agent.capture.evidence import Check, Verdict

NAME = "active_authentication"
PART = "chip/active_authentication"
CHALLENGE_BYTES, RANDOM_BYTES = 8, 32
RECORD_ID_BYTES, HEAD_BYTES = 16, 32
MIN_RSA_BITS, MAX_RSA_BITS = 1024, 4096
MAX_PART_BYTES = 8192

# BSI TR-03111, 5.2.1.1 (ecdsa-plain-*) and RFC 5758, 3.2 (ecdsa-with-*)
_PLAIN = bytes.fromhex("04007F000701010401")
_HASHES = {
    **{_PLAIN + bytes([arc]): name for arc, name in enumerate(("sha1", "sha224", "sha256", "sha384", "sha512"), 1)},
    bytes.fromhex("2A8648CE3D0401"): "sha1",
    **{
        bytes.fromhex("2A8648CE3D0403") + bytes([arc]): name
        for arc, name in enumerate(("sha224", "sha256", "sha384", "sha512"), 1)
    },
}


@dataclass(frozen=True, slots=True)
class RecordBinding:
    """What the challenge is bound to: the coming record's id (16 bytes) and the newest durable head (32 bytes).

    Both are empty for a reading that makes no record. Raises ValueError for other lengths.
    """

    record_id: bytes = b""
    head: bytes = b""

    def __post_init__(self) -> None:
        if (len(self.record_id), len(self.head)) not in ((0, 0), (RECORD_ID_BYTES, HEAD_BYTES)):
            raise ValueError("a binding has a record id of 16 and a head of 32 bytes")


@dataclass(frozen=True, slots=True)
class Transcript:
    """One run: the challenge's inputs, and the chip's answer."""

    binding: RecordBinding
    random: bytes = field(repr=False)
    answer: bytes = field(repr=False)

    @property
    def challenge(self) -> bytes:
        """The 8 bytes that were sent."""
        return challenge(self.binding, self.random)

    def to_json(self) -> bytes:
        """Write the part of the record."""
        values = {
            "record_id": self.binding.record_id,
            "head": self.binding.head,
            "random": self.random,
            "challenge": self.challenge,
            "answer": self.answer,
        }
        return json.dumps({name: value.hex() for name, value in values.items()}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Transcript:
        """Read the part again; raise ChipDataError, also when the challenge is not that of its inputs."""
        try:
            if len(data) > MAX_PART_BYTES:
                raise ValueError("too long")
            values = json.loads(data)
            if not isinstance(values, dict) or not all(re.fullmatch("[0-9a-f]*", values[name]) for name in _FIELDS):
                raise ValueError("not the five fields in hexadecimal")
            record_id, head, random, sent, answer = (bytes.fromhex(values[name]) for name in _FIELDS)
            found = cls(RecordBinding(record_id, head), random, answer)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ChipDataError(f"active authentication's part: {error}") from error
        if found.challenge != sent or len(random) != RANDOM_BYTES:
            raise ChipDataError("active authentication's challenge is not that of its inputs")
        return found


_FIELDS = ("record_id", "head", "random", "challenge", "answer")


def challenge(binding: RecordBinding, random: bytes) -> bytes:
    """Return the first 8 bytes of SHA-256('AA' || record id || newest durable head || 32 random bytes)."""
    return hashlib.sha256(b"AA" + binding.record_id + binding.head + random).digest()[:CHALLENGE_BYTES]


def run(session: SecureSession, binding: RecordBinding, random: Random, expected: int) -> Transcript:
    """Send INTERNAL AUTHENTICATE; raise StatusError, SessionBroken or DeviceError. `expected` is Ne."""
    drawn = random(RANDOM_BYTES)
    command = Command(apdu.INTERNAL_AUTHENTICATE, 0, 0, challenge(binding, drawn), expected)
    answer, sw = session.send(command)
    if sw != apdu.OK:
        raise StatusError("INTERNAL AUTHENTICATE", sw)
    return Transcript(binding, drawn, answer)


def verify(transcript: Transcript, dg15: bytes, algorithm: bytes | None) -> Check:
    """Judge an answer with the key in DG15 and the ECDSA algorithm that DG14 names, if any; needs no chip.

    DG15 and DG14 are only worth what passive authentication says of them.
    """
    try:
        key = parse_dg15(dg15)
    except ChipDataError as error:
        return Check(NAME, Verdict.NOT_ASSESSED, f"no key of ours in DG15: {error.detail}")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            verify_recovered(key, transcript.answer, transcript.challenge)
        else:
            _verify_ecdsa(key, transcript, algorithm)
    except (InvalidSignature, ChipDataError, *UNUSABLE):
        return Check(NAME, Verdict.FAILED, "the chip does not know the private key of DG15: a copy")
    return Check(NAME, Verdict.PASSED)


def parse_dg15(data: bytes) -> PublicKey:
    """Return the public key in DG15: 6F { SubjectPublicKeyInfo }; raise ChipDataError."""
    content = tlv.only(data, 0x6F)
    try:
        info: Any = asn1_keys.PublicKeyInfo.load(content, strict=True)
        key = key_of(info)
    except UNUSABLE as error:
        raise ChipDataError(f"DG15: {type(error).__name__}") from error
    if isinstance(key, rsa.RSAPublicKey) and not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise ChipDataError(f"RSA of {key.key_size} bits")
    return key


def answer_bytes(key: PublicKey) -> int:
    """Return the most bytes that an answer by this key has."""
    if isinstance(key, rsa.RSAPublicKey):
        return (key.key_size + 7) // 8
    # DER adds the headers of a sequence and two integers, and a leading zero to each of these.
    return 2 * ecdsa.coordinate_bytes(key) + 12


def _verify_ecdsa(key: EllipticKey, transcript: Transcript, algorithm: bytes | None) -> None:
    """Accept plain r || s and DER: chips name one and send the other."""
    if algorithm is not None and algorithm not in _HASHES:
        raise ChipDataError("signature algorithm of active authentication")
    # DG14 must name the hash; for documents that do not, any hash of the standard proves the key as well.
    names = list(HASHES) if algorithm is None else [_HASHES[algorithm]]
    signatures = [transcript.answer]
    if len(transcript.answer) == 2 * ecdsa.coordinate_bytes(key):
        signatures.append(ecdsa.from_plain(key, transcript.answer))
    for name in names:
        for signature in signatures:
            if _holds(key, signature, transcript.challenge, HASHES[name]):
                return
    raise InvalidSignature


def _holds(key: EllipticKey, signature: bytes, message: bytes, chosen: hashes.HashAlgorithm) -> bool:
    try:
        ecdsa.verify(key, signature, message, chosen)
    except (InvalidSignature, *UNUSABLE):
        return False
    return True
