"""The chip's block ciphers and MACs (ICAO Doc 9303-11, 9.7 and 9.8)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC


class KeyUse(IntEnum):
    """The counter of the key derivation function (ICAO Doc 9303-11, 9.7.1)."""

    ENCRYPT = 1
    MAC = 2
    PASSWORD = 3


@dataclass(frozen=True)
class Suite:
    """A cipher: its number in object identifiers, the bytes of a key and of a block, the hash that keys come from."""

    arc: int
    key_bytes: int
    block_bytes: int
    hash_name: str

    def derive(self, secret: bytes, use: KeyUse) -> bytes:
        """KDF: the beginning of H(secret || counter), with the parity bits that DES keys have."""
        message = secret + use.to_bytes(4, "big")
        key = hashlib.new(self.hash_name, message, usedforsecurity=False).digest()[: self.key_bytes]
        if self.is_aes:
            return key
        return bytes((byte & 0xFE) | (bin(byte >> 1).count("1") + 1) % 2 for byte in key)

    @property
    def is_aes(self) -> bool:
        """AES, else 3DES."""
        return self.block_bytes == 16

    def pad(self, data: bytes) -> bytes:
        """Apply padding method 2 of ISO/IEC 9797-1 to whole blocks."""
        return data + b"\x80" + bytes(-(len(data) + 1) % self.block_bytes)

    def crypt(self, key: bytes, data: bytes, vector: bytes, *, decrypt: bool = False) -> bytes:
        """Run CBC over whole blocks."""
        algorithm = algorithms.AES(key) if self.is_aes else TripleDES(key + key[:8])
        cipher = Cipher(algorithm, modes.CBC(vector))
        context = cipher.decryptor() if decrypt else cipher.encryptor()
        return context.update(data) + context.finalize()

    def vector(self, key: bytes, counter: bytes) -> bytes:
        """Return the vector of secure messaging: CBC of one block under a zero vector for AES, zero for 3DES."""
        zero = bytes(self.block_bytes)
        return self.crypt(key, counter, zero) if self.is_aes else zero

    def mac(self, key: bytes, data: bytes) -> bytes:
        """CMAC cut to 8 bytes, or the retail MAC over whole blocks."""
        if self.is_aes:
            cmac = CMAC(algorithms.AES(key))
            cmac.update(data)
            return cmac.finalize()[:8]
        return _retail_mac(key, data)

    def token(self, key: bytes, data: bytes) -> bytes:
        """Compute an authentication token: data are padded for the retail MAC, CMAC does so by itself."""
        return self.mac(key, data if self.is_aes else self.pad(data))


def _retail_mac(key: bytes, data: bytes) -> bytes:
    """ISO/IEC 9797-1, MAC algorithm 3 with DES, block by block."""
    state = bytes(8)
    for at in range(0, len(data), 8):
        state = _des(key[:8], bytes(a ^ b for a, b in zip(state, data[at : at + 8], strict=True)))
    return _des(key[:8], _des(key[8:], state, decrypt=True))


def _des(key: bytes, block: bytes, *, decrypt: bool = False) -> bytes:
    # S305: one block of single DES is what the standard's MAC is made of
    cipher = Cipher(TripleDES(key * 3), modes.ECB())  # noqa: S305
    return (cipher.decryptor() if decrypt else cipher.encryptor()).update(block)


TRIPLE_DES = Suite(1, 16, 8, "sha1")
AES_128 = Suite(2, 16, 16, "sha1")
AES_192 = Suite(3, 24, 16, "sha256")
AES_256 = Suite(4, 32, 16, "sha256")
BY_ARC = {suite.arc: suite for suite in (TRIPLE_DES, AES_128, AES_192, AES_256)}
