"""Read bytes one after another and never past the end."""

from __future__ import annotations

import struct

from agent.capture.fingerprint.formats.errors import TruncatedFile


class Cursor:
    """A place in `data` that only moves forward."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    @property
    def left(self) -> int:
        """Count the bytes that are still to be read."""
        return len(self._data) - self.at

    def take(self, length: int, what: str) -> bytes:
        """Return the next `length` bytes, which hold `what`; raise TruncatedFile when they are not there."""
        if length > self.left:
            raise TruncatedFile(f"{what} needs {length} bytes at {self.at}, {self.left} are left")
        piece = self._data[self.at : self.at + length]
        self.at += length
        return piece

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        """Return the next numbers, `layout` as in struct, big-endian."""
        return struct.unpack(f">{layout}", self.take(struct.calcsize(f">{layout}"), what))
