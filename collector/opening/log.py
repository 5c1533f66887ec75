"""The log of openings: who opened which record, when and why. A line is on the disk before the record is opened.

One JSON object per line; each names the SHA-256 of the line before it, so that a line that is changed or taken out
shows. Whoever can write the file can cut its end: copy the last line's hash to another place now and then.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.opening.errors import OpeningFailed, OpeningInUse, OpeningLogBroken

START = "0" * 64


class OpeningLog:
    """Appends; use it as a context manager. One process at a time. Raises OpeningInUse, OpeningLogBroken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise OpeningFailed(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._last = check_log(path)
        except BlockingIOError as error:
            os.close(self._handle)
            raise OpeningInUse(str(path)) from error
        except OpeningLogBroken:
            os.close(self._handle)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def append(self, entry: Mapping[str, object]) -> None:
        """Add a line; on return it survives a power cut. Raises OpeningLogBroken when it cannot be kept."""
        line = json.dumps({**entry, "prev": self._last}, ensure_ascii=False).encode() + b"\n"
        try:
            if os.write(self._handle, line) != len(line):
                raise OpeningLogBroken(f"{self._path}: the disk is full")
            os.fsync(self._handle)
        except OSError as error:
            raise OpeningLogBroken(f"{self._path}: {error.strerror}") from error
        self._last = hashlib.sha256(line).hexdigest()


def check_log(path: Path) -> str:
    """Return the hash of the last line; raise OpeningLogBroken naming the first line that does not follow."""
    last = START
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        try:
            prev = json.loads(line)["prev"]
        except (ValueError, KeyError, TypeError) as error:
            raise OpeningLogBroken(f"{path}: line {number}") from error
        if prev != last or not line.endswith(b"\n"):
            raise OpeningLogBroken(f"{path}: line {number}")
        last = hashlib.sha256(line).hexdigest()
    return last
