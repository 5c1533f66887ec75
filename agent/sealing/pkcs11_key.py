"""A record key on a PKCS#11 token: create, load, delete."""

from __future__ import annotations

import functools
import time
from pathlib import Path

from agent.sealing.hardware_key import HardwareRecordKey
from agent.sealing.key_errors import KeyExists
from agent.sealing.key_settings import OnToken
from agent.sealing.pkcs11_token import connect, destroy, generate
from agent.sealing.registered_key import (
    PUBLIC_MODE,
    public_path,
    public_pem,
    read_registered,
    remove,
    write_new,
)


def create(settings: OnToken, folder: Path) -> HardwareRecordKey:
    """Make a key on the token and write its public half into `folder`; return it, proven.

    Raises KeyExists (the token's label or the file is taken) and the errors of `load`.
    """
    path = public_path(folder, settings.name)
    if path.exists():
        raise KeyExists(str(path))
    public = generate(settings, time.monotonic() + settings.wait_s)
    write_new(path, public_pem(public), PUBLIC_MODE)
    return load(settings, folder)


def load(settings: OnToken, folder: Path) -> HardwareRecordKey:
    """Find the key on the token, compare it with the registered one, and prove it with one signature.

    Raises KeyModuleNotFound, KeyDeviceAbsent, KeyDeviceFailed, KeyTimeout, KeyMissing, KeyMismatch, KeyUnusable,
    KeyLockedOut, PinWrong, PinLastTry or PinUnreadable.
    """
    registered = read_registered(folder, settings.name)
    key = HardwareRecordKey(functools.partial(connect, settings), registered, settings.wait_s)
    key.prove()
    return key


def delete(settings: OnToken, folder: Path) -> None:
    """Destroy the key on the token, then remove its public half; raise KeyMissing and the errors of `load`."""
    destroy(settings, time.monotonic() + settings.wait_s)
    remove(public_path(folder, settings.name))
