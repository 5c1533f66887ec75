"""RSA signatures with message recovery: ISO/IEC 9796-2, digital signature scheme 1, as active authentication has it."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa

# Trailers: BC is SHA-1, else the hash identifier of ISO/IEC 10118 and CC.
_IMPLICIT = 0xBC
_EXPLICIT = {0x33: "sha1", 0x34: "sha256", 0x35: "sha512", 0x36: "sha384", 0x38: "sha224"}


def verify_recovered(key: rsa.RSAPublicKey, signature: bytes, challenge: bytes) -> None:
    """Check a signature over M1 || challenge, M1 recovered from it; raise InvalidSignature."""
    numbers = key.public_numbers()
    size = (key.key_size + 7) // 8
    value = int.from_bytes(signature)
    if len(signature) != size or value >= numbers.n:
        raise InvalidSignature
    opened = pow(value, numbers.e, numbers.n)
    # The scheme lets a signer send the smaller of s and n - s (ISO/IEC 9796-2, annex); the trailer tells which.
    for representative in (opened, numbers.n - opened):
        if _holds(representative.to_bytes(size), challenge):
            return
    raise InvalidSignature


def _holds(representative: bytes, challenge: bytes) -> bool:
    name, trailer_bytes = _trailer(representative)
    start = _start(representative)
    if not name or not start:
        return False
    digest_bytes = hashlib.new(name, usedforsecurity=False).digest_size
    end = len(representative) - trailer_bytes - digest_bytes
    if end < start:
        return False
    recovered, claimed = representative[start:end], representative[end : end + digest_bytes]
    digest = hashlib.new(name, recovered + challenge, usedforsecurity=False).digest()
    return hmac.compare_digest(digest, claimed)


def _trailer(representative: bytes) -> tuple[str, int]:
    if representative[-1] == _IMPLICIT:
        return "sha1", 1
    if representative[-1] == 0xCC:
        return _EXPLICIT.get(representative[-2], ""), 2
    return "", 0


def _start(representative: bytes) -> int:
    """Return where M1 begins behind the header 6A, or 6B BB .. BA; 0 for any other, as full recovery is."""
    if representative[0] == 0x6A:
        return 1
    if representative[0] != 0x6B:
        return 0
    rest = representative[1:].lstrip(b"\xbb")
    return len(representative) - len(rest) + 1 if rest[:1] == b"\xba" else 0
