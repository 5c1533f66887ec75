"""One door to the record key, wherever it lives: a file, a PKCS#11 token or a TPM, by settings."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from agent.sealing.key_errors import KeyExists, KeyLibraryMissing, KeyMissing
from agent.sealing.key_settings import InFile, InTpm, OnToken, RecordKeySettings
from agent.sealing.keys import FileRecordKey, RecordKey
from agent.sealing.registered_key import (
    PUBLIC_MODE,
    public_path,
    public_pem,
    read_registered,
    remove,
    require_registered,
    write_new,
)


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """What may be shown of a record key."""

    kind: str
    place: str
    key_id: str
    public_pem: str


def create_record_key(settings: RecordKeySettings, folder: Path) -> RecordKey:
    """Make a new record key and write its public half to `<folder>/<name>.pub.pem`.

    Never overwrites: raises KeyExists, and everything that load_record_key raises.
    """
    if not isinstance(settings, InFile):
        key: RecordKey = _hardware(settings).create(settings, folder)
        return key
    path, public = _file(settings, folder), public_path(folder, settings.name)
    if path.exists() or public.exists():
        raise KeyExists(str(path))
    made = FileRecordKey.create(path)
    write_new(public, public_pem(made.public_key), PUBLIC_MODE)
    return made


def load_record_key(settings: RecordKeySettings, folder: Path) -> RecordKey:
    """Load the record key; a hardware key is proven by one signature.

    A registered public key beside it must be the same; a file key may come without one. Raises KeyUnusable,
    KeyLibraryMissing, and everything that `load` of the kind raises (RecordKeyError).
    """
    if not isinstance(settings, InFile):
        key: RecordKey = _hardware(settings).load(settings, folder)
        return key
    loaded = FileRecordKey.load(_file(settings, folder))
    if public_path(folder, settings.name).exists():
        require_registered(loaded.public_key, read_registered(folder, settings.name))
    return loaded


def show_record_key(settings: RecordKeySettings, folder: Path) -> KeyDescription:
    """Load the key and say what may be shown of it; raises the errors of load_record_key."""
    key = load_record_key(settings, folder)
    place = getattr(key, "place", "") or str(_file(settings, folder))
    release(key)
    return KeyDescription(_kind(settings), place, key.key_id.hex(), public_pem(key.public_key).decode())


def delete_record_key(settings: RecordKeySettings, folder: Path) -> None:
    """Delete the key for good: records can no longer be signed with it. Raises KeyMissing."""
    if not isinstance(settings, InFile):
        _hardware(settings).delete(settings, folder)
        return
    path = _file(settings, folder)
    if not path.exists():
        raise KeyMissing(f"{path}: not there")
    remove(path, public_path(folder, settings.name))


def release(key: RecordKey) -> None:
    """Let go of the device behind a key, if there is one."""
    close = getattr(key, "close", None)
    if close:
        close()


def _file(settings: RecordKeySettings, folder: Path) -> Path:
    return folder / f"{settings.name}.key"


def _kind(settings: RecordKeySettings) -> str:
    match settings:
        case InFile():
            return "file"
        case OnToken():
            return "pkcs11"
        case InTpm():
            return "tpm"


def _hardware(settings: OnToken | InTpm) -> ModuleType:
    """Import the kind's module now: its library is optional, and file keys must work without it."""
    kind = _kind(settings)
    try:
        return importlib.import_module(f"agent.sealing.{kind}_key")
    except ImportError as error:
        raise KeyLibraryMissing(f"pip install 'intake-kiosk-agent[{kind}]': {error}") from error
