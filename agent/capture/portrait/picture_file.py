"""Reading a picture file that somebody gives us: JPEG, JPEG 2000 or PNG.

Memory is bounded, and the true cause is told when it is none of them. The size is read from the file's own header
before anything is decoded. A baseline JPEG of more than FULL_PIXELS is decoded at 1/2, 1/4 or 1/8 of its size, which
the decoder does without ever holding the whole; other files of that size would have to be held whole and are refused.
EXIF orientation is applied, CMYK becomes BGR.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from agent.capture.portrait.errors import PictureTooLarge, PictureTruncated, PictureUnreadable
from agent.devices.seams import Pixels

MOST_BYTES = 200_000_000
# A baseline JPEG above the first is read smaller; other files above the second would have to be held whole.
FULL_PIXELS, WHOLE_PIXELS = 13_000_000, 25_000_000
MOST_PIXELS, LONGEST_SIDE = 250_000_000, 30_000
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_SOI, _EOI, _SOS = b"\xff\xd8", b"\xff\xd9", 0xDA
# Start-of-frame markers (ITU-T T.81, table B.1); 0xC4, 0xC8 and 0xCC are something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# JPEG 2000 (ISO/IEC 15444-1, annex A and I): the file's signature box, and SOC with SIZ, which begin a code stream.
_JP2, _CODE_STREAM = b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"
# Of SIZ, after the two markers: length, capabilities, width, height and both offsets.
_SIZ = struct.Struct(">HHIIII")
_IN_SEQUENCE = frozenset({0xC0, 0xC1})
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture (height x width x 3, BGR); `reduced` says to which part of the file's size: 1, 2, 4 or 8."""

    pixels: Pixels = field(repr=False)
    reduced: int = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself; `sequential` means that it can be decoded small."""

    width: int
    height: int
    sequential: bool
    complete: bool


def read_picture(path: Path) -> Picture:
    """Decode a file. Raises PictureUnreadable, PictureTruncated or PictureTooLarge."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PictureTooLarge(f"{path.name}: more than {MOST_BYTES // 1_000_000} MB")
        data = path.read_bytes()
    except OSError as error:
        raise PictureUnreadable(f"{path.name}: {error.strerror}") from error
    return decode_picture(data, path.name)


def decode_picture(data: bytes, name: str) -> Picture:
    """Decode a file's bytes; `name` is for the errors, which are those of `read_picture`."""
    header = parse_header(data)
    if header is None:
        raise PictureUnreadable(name)
    reduced = _reduction(header, name)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[reduced])
    except cv2.error:
        pixels = None
    if pixels is None or not header.complete:
        raise PictureUnreadable(name) if header.complete else PictureTruncated(name)
    return Picture(np.asarray(pixels, np.uint8), reduced)


def parse_header(data: bytes) -> Header | None:
    """Return what a JPEG, JPEG 2000 or PNG says of itself, or None when it is none of them."""
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith((_JP2, _CODE_STREAM)):
        return _jpeg2000(data)
    return _jpeg(data) if data.startswith(_SOI) else None


def _reduction(header: Header, name: str) -> int:
    pixels = header.width * header.height
    told = f"{name}: {header.width}x{header.height}"
    if not pixels:
        raise PictureUnreadable(told)
    if pixels > MOST_PIXELS or max(header.width, header.height) > LONGEST_SIDE:
        raise PictureTooLarge(told)
    if not header.sequential and pixels > WHOLE_PIXELS:
        raise PictureTooLarge(told)
    if not header.sequential:
        return 1
    return next(one for one in _REDUCED if pixels <= FULL_PIXELS * one * one)


def _png(data: bytes) -> Header | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return Header(1, 1, sequential=False, complete=False)
    width, height = struct.unpack(">II", data[16:24])
    return Header(width, height, sequential=False, complete=_PNG_END in data)


def _jpeg2000(data: bytes) -> Header | None:
    """Believe the code stream, which the decoder goes by, and not the boxes around it."""
    at = data.find(_CODE_STREAM)
    if at < 0 or len(data) < at + 4 + _SIZ.size:
        return Header(1, 1, sequential=False, complete=False)
    _, _, right, bottom, left, top = _SIZ.unpack_from(data, at + 4)
    return Header(max(0, right - left), max(0, bottom - top), sequential=False, complete=data.find(_EOI, at) >= 0)


def _jpeg(data: bytes) -> Header | None:
    """Walk the segments to the frame header; believe no length that leads out of the file."""
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == _SOS:
            return None
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            return _frame(data, at, marker)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return Header(1, 1, sequential=True, complete=False)


def _frame(data: bytes, at: int, marker: int) -> Header:
    if at + 9 > len(data):
        return Header(1, 1, sequential=True, complete=False)
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    # Inside the compressed data these two bytes never stand together; a thumbnail's end comes before the frame.
    return Header(width, height, marker in _IN_SEQUENCE, data.find(_EOI, at) >= 0)
