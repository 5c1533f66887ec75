"""The public half of the kiosk's record key as it was registered with the centre: `<name>.pub.pem` beside the rest."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.key_errors import KeyExists, KeyMismatch, KeyMissing, RecordKeyError
from agent.sealing.keys import key_id, signing_key_from_pem

PUBLIC_MODE = 0o644


def public_path(folder: Path, name: str) -> Path:
    """Return where the registered public key of this name lies."""
    return folder / f"{name}.pub.pem"


def public_pem(public: ec.EllipticCurvePublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo in PEM."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_registered(folder: Path, name: str) -> ec.EllipticCurvePublicKey:
    """Read the registered public key; raise KeyMissing when there is none, KeyUnusable when it is not P-256."""
    path = public_path(folder, name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyMissing(f"{path}: {error.strerror}") from error
    return signing_key_from_pem(data)


def require_registered(public: ec.EllipticCurvePublicKey, registered: ec.EllipticCurvePublicKey) -> None:
    """Raise KeyMismatch, naming both key ids, when the two keys differ."""
    if public != registered:
        raise KeyMismatch(f"device has {key_id(public).hex()}, registered is {key_id(registered).hex()}")


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a new file of this mode on stable storage; raise KeyExists rather than touch an existing one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise KeyExists(str(path)) from error
    except OSError as error:
        raise RecordKeyError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RecordKeyError(f"{path}: {error.strerror}") from error


def remove(*paths: Path) -> None:
    """Unlink the files that are there and sync their folder."""
    for path in paths:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
