"""The skeleton of a grey PNG (ISO/IEC 15948) that may be hostile: its chunks, walked without unpacking anything."""

from __future__ import annotations

import zlib

from agent.capture.fingerprint.formats.cursor import Cursor
from agent.capture.fingerprint.formats.errors import (
    BadField,
    DamagedPicture,
    LyingLength,
    NotAFingerRecord,
    UnsupportedPicture,
)
from agent.capture.fingerprint.formats.limits import check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
INCH_M = 0.0254
_GREY = 0
_HEADER_BYTES = 13
_PHYS_BYTES, _PER_METRE = 9, 1


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height of an 8-bit grey PNG whose chunks are whole and whose data hold all its rows.

    Raises NotAFingerRecord, TruncatedFile, LyingLength, BadField, DamagedPicture, UnsupportedPicture or PictureTooBig.
    """
    chunks = _chunks(data)
    name, content = chunks[0]
    if name != b"IHDR" or len(content) != _HEADER_BYTES:
        raise BadField("the PNG's first chunk is not a header of 13 bytes")
    width, height, depth, colour, _, _, interlaced = Cursor(content).numbers("IIBBBBB", "PNG header")
    if depth != 8 or colour != _GREY or interlaced:
        kind = f"bit depth {depth}, colour type {colour}, interlace {interlaced}"
        raise UnsupportedPicture(f"PNG of {kind}; 8-bit grey in plain rows is read")
    check_size(width, height)
    _check_rows(b"".join(content for name, content in chunks if name == b"IDAT"), (width + 1) * height)
    return width, height


def png_ppi(data: bytes) -> tuple[float, float] | None:
    """Return the resolution across and down that the pHYs chunk states per metre, None without one."""
    for name, content in _chunks(data):
        if name == b"pHYs":
            return _ppi(content)
    return None


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return names and contents up to IEND, every length and checksum checked."""
    walk = Cursor(data)
    if walk.take(8, "PNG signature") != SIGNATURE:
        raise NotAFingerRecord(f"PNG begins with {data[:8].hex()}")
    found: list[tuple[bytes, bytes]] = []
    while not found or found[-1][0] != b"IEND":
        (length,) = walk.numbers("I", "chunk length")
        name, content = walk.take(4, "chunk name"), walk.take(length, "chunk")
        if walk.numbers("I", "checksum") != (zlib.crc32(name + content),):
            raise DamagedPicture(f"PNG chunk before {walk.at}: wrong checksum")
        found.append((name, content))
    if walk.left:
        raise LyingLength(f"{walk.left} bytes after the PNG's end")
    return found


def _check_rows(packed: bytes, expected: int) -> None:
    """Raise DamagedPicture unless exactly `expected` bytes are packed; never unpack more than one byte beyond."""
    unpacker = zlib.decompressobj()
    try:
        found = len(unpacker.decompress(packed, expected + 1))
    except zlib.error as error:
        raise DamagedPicture(f"PNG data: {error}") from error
    if found != expected or not unpacker.eof:
        raise DamagedPicture(f"PNG data of {found} bytes or more, or without an end; {expected} are needed")


def _ppi(content: bytes) -> tuple[float, float] | None:
    if len(content) != _PHYS_BYTES:
        raise BadField(f"a pHYs chunk of {len(content)} bytes")
    x, y, unit = Cursor(content).numbers("IIB", "resolution")
    return (x * INCH_M, y * INCH_M) if unit == _PER_METRE and x and y else None
