"""The ciphers of secure channels (Doc 9303-11, 9.7 and 9.8): 3DES with the retail MAC, AES with CMAC."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

MAC_BYTES = 8
ENCRYPTION, AUTHENTICATION, PASSWORD = 1, 2, 3
DES_BLOCK, AES_BLOCK = 8, 16


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher with its key length, block, hash of the key derivation and MAC.

    `nonce_bytes` is the length l of the integrated mapping's nonce s (Doc 9303-11, 4.4.3.3.2).
    """

    name: str
    key_bytes: int
    block: int
    nonce_bytes: int
    hash_name: str
    algorithm: Callable[[bytes], BlockCipherAlgorithm] = field(repr=False)

    def derive(self, secret: bytes, counter: int) -> bytes:
        """Return KDF(secret, counter) (9.7.1); `counter` is ENCRYPTION, AUTHENTICATION or PASSWORD."""
        # SHA-1 is what the standard demands for keys of up to 128 bits; collisions do not matter to a KDF.
        digest = hashlib.new(self.hash_name, secret + counter.to_bytes(4), usedforsecurity=False).digest()
        key = digest[: self.key_bytes]
        return bytes(map(_odd_parity, key)) if self.block == DES_BLOCK else key

    def cipher(self, key: bytes, iv: bytes | None = None) -> Cipher[modes.CBC]:
        """Return the cipher in CBC mode; the initialisation vector is zero by default."""
        return Cipher(self.algorithm(key), modes.CBC(iv or bytes(self.block)))

    def encrypt(self, key: bytes, data: bytes, iv: bytes | None = None) -> bytes:
        """Encrypt whole blocks."""
        encryptor = self.cipher(key, iv).encryptor()
        return encryptor.update(data) + encryptor.finalize()

    def decrypt(self, key: bytes, data: bytes, iv: bytes | None = None) -> bytes:
        """Decrypt whole blocks."""
        decryptor = self.cipher(key, iv).decryptor()
        return decryptor.update(data) + decryptor.finalize()

    def vector_of(self, key: bytes) -> Callable[[bytes], bytes]:
        """Return what makes an initialisation vector from the counter: its encryption, zero for 3DES (9.8.6)."""
        if self.block == DES_BLOCK:
            return lambda _: bytes(DES_BLOCK)
        # Single-block ECB is what the standard demands here; it never sees data.
        return Cipher(self.algorithm(key), modes.ECB()).encryptor().update  # noqa: S305

    def mac_of(self, key: bytes) -> Callable[[bytes], bytes]:
        """Return the MAC under `key`, over whole blocks; 8 bytes."""
        return _retail_mac(key) if self.block == DES_BLOCK else _cmac(key)

    def token(self, key: bytes, data: bytes) -> bytes:
        """Return the MAC over data of any length, as authentication tokens need it (4.4.3.4)."""
        # CMAC pads by itself; the retail MAC is always fed padded data.
        return self.mac_of(key)(pad(data, self.block) if self.block == DES_BLOCK else data)


def _cmac(key: bytes) -> Callable[[bytes], bytes]:
    begun = CMAC(algorithms.AES(key))

    def mac(data: bytes) -> bytes:
        # A copy saves the key schedule, which costs more than the MAC of a short answer.
        running = begun.copy()
        running.update(data)
        return running.finalize()[:MAC_BYTES]

    return mac


def _retail_mac(key: bytes) -> Callable[[bytes], bytes]:
    """MAC algorithm 3 of ISO/IEC 9797-1 with DES: CBC under the first half, the last block through the second."""
    first, second = key[:DES_BLOCK] * 3, key[DES_BLOCK:] * 3

    def mac(data: bytes) -> bytes:
        last = Cipher(TripleDES(first), modes.CBC(bytes(DES_BLOCK))).encryptor().update(data)[-DES_BLOCK:]
        # One block in CBC mode with a zero vector is the plain block cipher.
        between = Cipher(TripleDES(second), modes.CBC(bytes(DES_BLOCK))).decryptor().update(last)
        return Cipher(TripleDES(first), modes.CBC(bytes(DES_BLOCK))).encryptor().update(between)

    return mac


def _odd_parity(byte: int) -> int:
    return byte & 0xFE | (byte >> 1).bit_count() % 2 ^ 1


def pad(data: bytes, block: int = AES_BLOCK) -> bytes:
    """Append 80 and zeros up to a whole block (ISO/IEC 9797-1, method 2)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def _two_keys(key: bytes) -> TripleDES:
    return TripleDES(key + key[:DES_BLOCK])


TRIPLE_DES = Suite("3DES", 16, DES_BLOCK, 16, "sha1", _two_keys)
AES_128 = Suite("AES-128", 16, AES_BLOCK, 16, "sha1", algorithms.AES)
AES_192 = Suite("AES-192", 24, AES_BLOCK, 32, "sha256", algorithms.AES)
AES_256 = Suite("AES-256", 32, AES_BLOCK, 32, "sha256", algorithms.AES)

# The last arc of the object identifiers of PACE and chip authentication (9.2.3, 9.2.5).
BY_ARC = {1: TRIPLE_DES, 2: AES_128, 3: AES_192, 4: AES_256}
