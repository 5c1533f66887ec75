"""Keys: the kiosk's record key, the collector's receipt and sealing keys, the campaign key. None can be printed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from agent.sealing.errors import KeyUnusable

KEY_ID_BYTES = 16
COORDINATE_BYTES = 32
POINT_BYTES = 1 + 2 * COORDINATE_BYTES
MAX_KEY_FILE_BYTES = 64 * 1024
OWNER_ONLY = 0o600
PEM_END = b"-----END PRIVATE KEY-----"

PrivateKey = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | mlkem.MLKEM768PrivateKey


class SigningKey(Protocol):
    """Signs with ECDSA P-256 and SHA-256 (ES256). A file, a token or a TPM can stand behind it."""

    @property
    def key_id(self) -> bytes:
        """16 bytes: the start of SHA-256 over the public key's SubjectPublicKeyInfo (DER)."""
        ...

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return r || s, 64 bytes, over SHA-256 of `data` (RFC 9053, 2.1)."""
        ...


RecordKey = SigningKey


@dataclass(frozen=True, slots=True)
class FileSigningKey:
    """An ES256 key in a file that only its owner may read (PKCS #8, PEM)."""

    _key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_id: bytes

    @classmethod
    def create(cls, path: Path) -> FileSigningKey:
        """Make a new key and write it; raise KeyUnusable when the file exists."""
        key = ec.generate_private_key(ec.SECP256R1())
        write_private_key(path, key)
        return cls(key, key_id(key.public_key()))

    @classmethod
    def load(cls, path: Path) -> FileSigningKey:
        """Load the key; raise KeyUnusable when it is missing, of another kind, or readable to others."""
        key = read_private_key(path)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise KeyUnusable(f"{path}: not a P-256 key")
        return cls(key, key_id(key.public_key()))

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """Return r || s over SHA-256 of `data`."""
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)


FileRecordKey = FileSigningKey


def key_id(public: ec.EllipticCurvePublicKey) -> bytes:
    """Return the first 16 bytes of SHA-256 over the SubjectPublicKeyInfo (DER)."""
    encoding, layout = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(encoding, layout)).digest()[:KEY_ID_BYTES]


def signing_key_from_pem(data: bytes) -> ec.EllipticCurvePublicKey:
    """Parse a P-256 public key in PEM (the campaign key as kiosks hold it); raise KeyUnusable."""
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("not a public key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnusable("not a P-256 public key")
    return key


def public_key_from_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Parse an uncompressed P-256 point (65 bytes, SEC 1); raise KeyUnusable."""
    if len(point) != POINT_BYTES:
        raise KeyUnusable("not an uncompressed P-256 point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise KeyUnusable("not a P-256 point") from error


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    """Return the uncompressed point, 65 bytes."""
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def write_private_key(path: Path, *keys: PrivateKey) -> None:
    """Write private keys, PKCS #8 PEM, 0600, on stable storage; never over an existing file. Raises KeyUnusable."""
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    data = b"".join(key.private_bytes(encoding, layout, serialization.NoEncryption()) for key in keys)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
        try:
            _write_durably(handle, path, data)
        except OSError:
            # Half a key must not stand in the way of the next attempt.
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error


def read_private_key(path: Path) -> PrivateKey:
    """Read the one private key of a file that only its owner can read; raise KeyUnusable otherwise."""
    keys = read_private_keys(path)
    if len(keys) != 1:
        raise KeyUnusable(f"{path}: {len(keys)} keys")
    return keys[0]


def read_private_keys(path: Path) -> list[PrivateKey]:
    """Read the private keys of a file that only its owner can read; raise KeyUnusable otherwise."""
    try:
        # O_NONBLOCK: a pipe in the key's place must not hold the start.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            _refuse_wide(path, os.fstat(handle))
            blocks = file.read(MAX_KEY_FILE_BYTES).split(PEM_END)
        keys = [serialization.load_pem_private_key(block + PEM_END, password=None) for block in blocks[:-1]]
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's message could quote the file; its type is enough.
        raise KeyUnusable(f"{path}: {getattr(error, 'strerror', None) or 'not a private key in PEM'}") from None
    found = [key for key in keys if isinstance(key, PrivateKey)]
    if not keys or len(found) != len(keys) or blocks[-1].strip():
        raise KeyUnusable(f"{path}: not a key of a kind that is used here")
    return found


def _write_durably(handle: int, path: Path, data: bytes) -> None:
    with os.fdopen(handle, "wb", closefd=False) as file:
        file.write(data)
    os.fsync(handle)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_wide(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnusable(f"{path}: not a regular file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise KeyUnusable(f"{path}: mode {mode:04o} is wider than 0600")
    if status.st_uid != os.geteuid():
        raise KeyUnusable(f"{path}: owned by uid {status.st_uid}, not {os.geteuid()}")
