"""JPEG 2000 (ISO/IEC 15444-1): write lossless, and read the size of what may be hostile."""

from __future__ import annotations

import io

from PIL import Image

from agent.capture.fingerprint.formats.cursor import Cursor
from agent.capture.fingerprint.formats.errors import (
    BadField,
    LyingLength,
    NotAFingerRecord,
    TruncatedFile,
    UnsupportedPicture,
)
from agent.capture.fingerprint.formats.limits import check_size
from agent.devices.seams import Pixels

JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
# Start of codestream, then the marker of the picture's size (A.4.1, A.5.1).
CODESTREAM = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
_BOX_HEADER, _LONG_BOX_HEADER = 8, 16
# One component, 8 bits, unsigned (table A.11).
_EIGHT_BIT = 7


def pack_jpeg2000(pixels: Pixels) -> bytes:
    """Return a JP2 file from which the same pixels come back (height x width, 8-bit grey)."""
    check_size(pixels.shape[1], pixels.shape[0])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG2000", irreversible=False)
    return file.getvalue()


def jpeg2000_size(data: bytes) -> tuple[int, int]:
    """Return width and height of an 8-bit grey JP2 file or bare codestream, from its headers alone.

    Raises NotAFingerRecord, TruncatedFile, LyingLength, BadField, UnsupportedPicture or PictureTooBig.
    """
    if data[:4] == CODESTREAM:
        return _codestream_size(data)
    if data[:12] != JP2_SIGNATURE:
        raise NotAFingerRecord(f"JPEG 2000 begins with {data[:12].hex()}")
    told, codestream = _header_and_codestream(Cursor(data, len(JP2_SIGNATURE)))
    size = _codestream_size(codestream)
    if told != size:
        raise LyingLength(f"the JP2 header says {told[0]}x{told[1]} pixels, the codestream {size[0]}x{size[1]}")
    return size


def _header_and_codestream(boxes: Cursor) -> tuple[tuple[int, int], bytes]:
    """Walk the file's boxes (I.4) to the codestream; the header box comes before it."""
    told: tuple[int, int] | None = None
    while True:
        name, content = _box(boxes)
        if name == b"jp2h" and told is None:
            told = _told_size(Cursor(content))
        if name == b"jp2c":
            if told is None:
                raise BadField("the JP2 codestream comes before any header")
            return told, content


def _box(boxes: Cursor) -> tuple[bytes, bytes]:
    """Return the next box's name and content; a length of 0 means up to the end (I.4)."""
    length, kind = boxes.numbers("II", "box header")
    header = _BOX_HEADER
    if length == 1:
        (length,), header = boxes.numbers("Q", "long box header"), _LONG_BOX_HEADER
    name = kind.to_bytes(4, "big")
    if length == 0:
        return name, boxes.take(boxes.left, "last box")
    if length < header:
        raise LyingLength(f"a box of {length} bytes")
    return name, boxes.take(length - header, "box")


def _told_size(inside: Cursor) -> tuple[int, int]:
    """Return width and height from the image header box, the first one inside the header (I.5.3.1)."""
    name, content = _box(inside)
    if name != b"ihdr":
        raise BadField("the JP2 header does not begin with the image header")
    height, width = Cursor(content).numbers("II", "image header")
    return width, height


def _codestream_size(codestream: bytes) -> tuple[int, int]:
    head = Cursor(codestream)
    if head.take(4, "codestream") != CODESTREAM:
        raise NotAFingerRecord(f"JPEG 2000 codestream begins with {codestream[:4].hex()}")
    _, _, right, bottom, left, top = head.numbers("HHIIII", "size of picture")
    tile_width, tile_height, *_ = head.numbers("IIII", "size of tiles")
    components, depth = head.numbers("HB", "components")
    if components != 1 or depth != _EIGHT_BIT:
        raise UnsupportedPicture(f"JPEG 2000 of {components} components, depth {depth}; 8-bit grey is read")
    if left or top or not tile_width or not tile_height:
        raise BadField(f"picture begins at {left}, {top}; tiles are {tile_width}x{tile_height}")
    check_size(right, bottom)
    if codestream[-2:] != _END:
        raise TruncatedFile("JPEG 2000 codestream without an end")
    return right, bottom
