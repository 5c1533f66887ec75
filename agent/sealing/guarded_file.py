"""Reading a small file that holds a secret: only when nobody else could have read or written it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS = 0o077


class NotGuarded(Exception):
    """The file is open to others, too long, or not a plain file; the text says which."""


def read_guarded(path: Path, max_bytes: int, *, forbidden: int = OTHERS, owned: bool = True) -> bytes:
    """Read the file; raise NotGuarded, or FileNotFoundError when it is not there.

    `forbidden` are mode bits that must not be set; `owned` demands that the file is ours.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            _check(path, os.fstat(handle), forbidden, owned=owned)
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotGuarded(f"{path}: {error.strerror}") from error
    if len(data) > max_bytes:
        raise NotGuarded(f"{path}: longer than {max_bytes} bytes")
    return data


def _check(path: Path, status: os.stat_result, forbidden: int, *, owned: bool) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise NotGuarded(f"{path}: not a regular file")
    if mode & forbidden:
        raise NotGuarded(f"{path}: mode {mode:04o} lets others read or write it")
    if owned and status.st_uid != os.geteuid():
        raise NotGuarded(f"{path}: owned by uid {status.st_uid}, not {os.geteuid()}")
