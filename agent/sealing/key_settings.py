"""Where a record key lives, as small settings: a file, a PKCS#11 token or a TPM 2.0. Never a PIN, only its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAME = "record"


@dataclass(frozen=True, slots=True)
class PinSource:
    """Where the PIN is read from, each time a device is opened: a file 0600, or a systemd credential's name."""

    file: Path | None = None
    credential: str = ""


@dataclass(frozen=True, slots=True)
class InFile:
    """A key in `<folder>/<name>.key` (PKCS #8, PEM, 0600)."""

    name: str = NAME


@dataclass(frozen=True, slots=True)
class OnToken:
    """A key on a PKCS#11 token, found by the token's label (and serial, if two share it) and the key's label.

    `wait_s` bounds one signature and one opening of the token, in seconds.
    """

    module: Path
    token: str
    pin: PinSource
    serial: str = ""
    label: str = "kiosk-record"
    name: str = NAME
    wait_s: float = 10.0


@dataclass(frozen=True, slots=True)
class InTpm:
    """A key that only one TPM can use, wrapped in `<folder>/<name>.tpm.pem`.

    `device` is a character device (the kernel's resource manager). A Unix socket, where a simulator listens, is taken
    only with `development`. Without `pin` the key has no authorization value. `wait_s` bounds one signature and one
    opening, in seconds: real TPMs take 200 ms for a signature, 600 ms in the slowest twentieth.
    """

    device: Path = Path("/dev/tpmrm0")
    pin: PinSource | None = None
    development: bool = False
    name: str = NAME
    wait_s: float = 10.0


RecordKeySettings = InFile | OnToken | InTpm
