"""The collector's sealing keys. Each key says its HPKE suite: X25519, or the hybrid of ML-KEM-768 and X25519."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from agent.sealing.encoding import encode
from agent.sealing.errors import KeyUnusable
from agent.sealing.keys import KEY_ID_BYTES, read_private_keys, write_private_key

MLKEM768_BYTES = 1184

Public = x25519.X25519PublicKey | hpke.MLKEM768X25519PublicKey
Private = x25519.X25519PrivateKey | hpke.MLKEM768X25519PrivateKey


class Suite(IntEnum):
    """The HPKE KEM (IANA's registry of KEM ids); KDF is HKDF-SHA256 and AEAD AES-256-GCM with both."""

    X25519 = 0x0020
    MLKEM768_X25519 = 0x647A

    @property
    def label(self) -> str:
        """The suite's name in files and on the command line."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """A collector's public sealing key. `raw`: 32 bytes, or 1184 of ML-KEM-768 and then 32 of X25519."""

    suite: Suite
    raw: bytes = field(repr=False)
    key_id: bytes

    @classmethod
    def from_raw(cls, raw: bytes, suite: int = Suite.X25519) -> RecipientKey:
        """Check the raw bytes of a key of this suite; raise KeyUnusable."""
        if suite not in set(Suite):
            raise KeyUnusable(f"suite {suite} is not known; update the software")
        key = cls(Suite(suite), raw, _key_id(suite, raw))
        key.load()
        return key

    def load(self) -> Public:
        """Return the library's key; raise KeyUnusable."""
        try:
            if self.suite is Suite.X25519:
                return x25519.X25519PublicKey.from_public_bytes(self.raw)
            lattice = mlkem.MLKEM768PublicKey.from_public_bytes(self.raw[:MLKEM768_BYTES])
            curve = x25519.X25519PublicKey.from_public_bytes(self.raw[MLKEM768_BYTES:])
            return hpke.MLKEM768X25519PublicKey(lattice, curve)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyUnusable(f"not a public key of suite {self.suite.label}") from error


@dataclass(frozen=True, slots=True)
class RecipientPrivateKey:
    """A collector's private sealing key; only those who open records ever hold one."""

    private: Private = field(repr=False)
    public: RecipientKey

    @classmethod
    def create(cls, path: Path, suite: Suite = Suite.X25519) -> RecipientPrivateKey:
        """Make a new key and write it (PKCS #8, PEM); raise KeyUnusable when the file exists or cannot be written."""
        curve = x25519.X25519PrivateKey.generate()
        if suite is Suite.X25519:
            write_private_key(path, curve)
            return cls._of(curve)
        try:
            lattice = mlkem.MLKEM768PrivateKey.generate()
        except UnsupportedAlgorithm as error:
            raise KeyUnusable(f"suite {suite.label}: this OpenSSL has no ML-KEM") from error
        write_private_key(path, lattice, curve)
        return cls._of(curve, lattice)

    @classmethod
    def load(cls, path: Path) -> RecipientPrivateKey:
        """Load the key; raise KeyUnusable when it is missing, of another kind, or readable to others."""
        match read_private_keys(path):
            case [x25519.X25519PrivateKey() as curve]:
                return cls._of(curve)
            case [mlkem.MLKEM768PrivateKey() as lattice, x25519.X25519PrivateKey() as curve]:
                return cls._of(curve, lattice)
            case _:
                raise KeyUnusable(f"{path}: not an X25519 key, nor ML-KEM-768 and X25519")

    @classmethod
    def _of(
        cls, curve: x25519.X25519PrivateKey, lattice: mlkem.MLKEM768PrivateKey | None = None
    ) -> RecipientPrivateKey:
        raw = curve.public_key().public_bytes_raw()
        if lattice is None:
            return cls(curve, RecipientKey.from_raw(raw))
        raw = lattice.public_key().public_bytes_raw() + raw
        private = hpke.MLKEM768X25519PrivateKey(lattice, curve)
        return cls(private, RecipientKey.from_raw(raw, Suite.MLKEM768_X25519))

    @property
    def key_id(self) -> bytes:
        """The id that a record's core names."""
        return self.public.key_id


def _key_id(suite: int, raw: bytes) -> bytes:
    """Bind the suite: one key never stands for two."""
    return hashlib.sha256(encode(["kiosk-recipient-v1", int(suite), raw])).digest()[:KEY_ID_BYTES]
