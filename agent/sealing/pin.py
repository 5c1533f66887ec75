"""The PIN of a token or TPM key: read when needed from a guarded file, held briefly, never printed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.sealing.guarded_file import OTHERS, NotGuarded, read_guarded
from agent.sealing.key_errors import PinUnreadable
from agent.sealing.key_settings import PinSource

CREDENTIALS = "CREDENTIALS_DIRECTORY"
MAX_PIN_BYTES = 128
# systemd grants the service's user by an access list, which shows as read permission of the group (systemd.exec(5)).
CREDENTIAL_MASK = 0o037


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN that repr, logs and exceptions cannot show."""

    value: str = field(repr=False)


def read_pin(source: PinSource, environ: Mapping[str, str] = os.environ) -> Pin:
    """Read the PIN; raise PinUnreadable when its file is missing, empty, too long, or open to others."""
    if source.credential and source.file:
        raise PinUnreadable("both a file and a credential are set")
    if source.credential:
        return _read(_credential(source.credential, environ), CREDENTIAL_MASK, owned=False)
    if source.file:
        return _read(source.file, OTHERS, owned=True)
    raise PinUnreadable("neither a file nor a credential is set")


def _credential(name: str, environ: Mapping[str, str]) -> Path:
    folder = environ.get(CREDENTIALS)
    if not folder:
        raise PinUnreadable(f"credential {name}: ${CREDENTIALS} is not set")
    if name in {".", ".."} or "/" in name:
        raise PinUnreadable(f"credential {name!r}: not a plain name")
    return Path(folder) / name


def _read(path: Path, forbidden: int, *, owned: bool) -> Pin:
    try:
        return _parse(path, read_guarded(path, MAX_PIN_BYTES, forbidden=forbidden, owned=owned))
    except FileNotFoundError:
        raise PinUnreadable(f"{path}: not there") from None
    except NotGuarded as error:
        raise PinUnreadable(str(error)) from None


def _parse(path: Path, data: bytes) -> Pin:
    try:
        value = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        # The decoder's own error quotes the bytes: from None, so that no traceback shows them.
        raise PinUnreadable(f"{path}: not UTF-8") from None
    if not value or not value.isprintable():
        raise PinUnreadable(f"{path}: empty, or more than one line")
    return Pin(value)
