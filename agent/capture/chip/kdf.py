"""Key derivation of Doc 9303-11, 9.7.1: KDF(K, c) = H(K || c), for AES-128 the first 16 bytes of SHA-1."""

from __future__ import annotations

import hashlib

ENCRYPTION, AUTHENTICATION, PASSWORD = 1, 2, 3


def derive_aes128(secret: bytes, counter: int) -> bytes:
    """Return 16 key bytes; `counter` is ENCRYPTION, AUTHENTICATION or PASSWORD."""
    # SHA-1 is what the standard demands for 128-bit keys; collisions do not matter to a KDF.
    return hashlib.sha1(secret + counter.to_bytes(4), usedforsecurity=False).digest()[:16]
