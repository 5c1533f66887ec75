"""The face record of ISO/IEC 19794-5:2011 (format "FAC", version 030), for printers and systems that take no bare JPEG.

Written is one frontal representation; what nobody measured is "unspecified" (0). Read are records of several
representations with quality blocks and landmark points, as other systems write them; nothing in them is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import Any

from agent.capture.portrait.errors import FaceRecordWrong

FORMAT, VERSION = b"FAC\0", b"030\0"
MOST_BYTES = 64 * 1024 * 1024
# Clause 5.3: format, version, record length, representations, certification flag, temporal semantics.
_GENERAL = struct.Struct(">4s4sIHBH")
# Clause 5.4: representation length, date and time of capture, device technology, vendor and type, quality blocks.
_REPRESENTATION = struct.Struct(">I9sBHHB")
_QUALITY_BYTES, _LANDMARK_BYTES = 5, 8
# Clause 5.5: landmark points, gender, eye and hair colour, height, properties, expression, pose, pose uncertainty.
_FACIAL = struct.Struct(">HBBBB3sH3s3s")
# Clause 5.7: face image type, data type, width, height, sampling rate level, post-processing, reference, colour space.
_IMAGE = struct.Struct(">BBHHBHBB")
_LENGTH = struct.Struct(">I")
_TIME = struct.Struct(">HBBBBBH")
_NO_TIME = b"\xff" * 9
_FULL_FRONTAL, _RGB_24 = 1, 1
# Table 18: pixels across the head from which each level begins.
_LEVELS = (180, 240, 300, 370, 480, 610, 750)


class Encoding(IntEnum):
    """Image data type (table 17)."""

    JPEG = 0
    JPEG_2000_LOSSY = 1
    JPEG_2000_LOSSLESS = 2
    PNG = 3


class Processing(IntFlag):
    """What was done to the picture after it was taken (table 19)."""

    ROTATED = 1 << 0
    CROPPED = 1 << 1
    DOWN_SAMPLED = 1 << 2
    NONE = 0


STARTS = {
    Encoding.JPEG: (b"\xff\xd8\xff",),
    Encoding.JPEG_2000_LOSSY: (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    Encoding.JPEG_2000_LOSSLESS: (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    Encoding.PNG: (b"\x89PNG\r\n\x1a\n",),
}


@dataclass(frozen=True, slots=True)
class FaceImage:
    """One picture of a face: encoded data, its size in pixels, when it was taken (UTC), pixels across the head."""

    data: bytes = field(repr=False)
    width: int
    height: int
    taken: datetime | None = None
    encoding: Encoding = Encoding.JPEG
    level: int = 0
    processing: Processing = Processing.NONE


def sampling_level(head_width_px: float) -> int:
    """Return the spatial sampling rate level of a head of this width (table 18)."""
    return sum(head_width_px >= least for least in _LEVELS)


def write_face_record(image: FaceImage) -> bytes:
    """Return the record with this one picture; raise FaceRecordWrong when it cannot be written."""
    if not image.data.startswith(STARTS[image.encoding]) or not (0 < image.width < 65536 and 0 < image.height < 65536):
        raise FaceRecordWrong(f"{image.encoding.name} of {image.width}x{image.height} px is not what the data is")
    body = b"".join(
        (
            _FACIAL.pack(0, 0, 0, 0, 0, bytes(3), 0, bytes(3), bytes(3)),
            _IMAGE.pack(
                *(_FULL_FRONTAL, image.encoding, image.width, image.height, image.level),
                *(image.processing, 0, _RGB_24),
            ),
            _LENGTH.pack(len(image.data)),
            image.data,
        )
    )
    head = _REPRESENTATION.pack(_REPRESENTATION.size + len(body), _time(image.taken), 0, 0, 0, 0)
    length = _GENERAL.size + len(head) + len(body)
    return _GENERAL.pack(FORMAT, VERSION, length, 1, 0, 0) + head + body


def read_face_record(data: bytes) -> list[FaceImage]:
    """Return the pictures of a record; raise FaceRecordWrong naming what does not hold together."""
    if len(data) > MOST_BYTES:
        raise FaceRecordWrong(f"more than {MOST_BYTES} bytes")
    reader = _Reader(data)
    form, version, length, count, certified, _ = reader.take(_GENERAL)
    if (form, version) != (FORMAT, VERSION):
        raise FaceRecordWrong("it is no face record of version 030")
    if length != len(data):
        raise FaceRecordWrong(f"it claims {length} bytes and has {len(data)}")
    if certified or not count:
        raise FaceRecordWrong("a certification block" if certified else "no representation")
    images = list(_representations(reader, count))
    if reader.left:
        raise FaceRecordWrong(f"{reader.left} bytes after the last representation")
    return images


def _representations(reader: _Reader, count: int) -> Iterator[FaceImage]:
    for _ in range(count):
        start = reader.at
        length, taken, _, _, _, qualities = reader.take(_REPRESENTATION)
        reader.skip(qualities * _QUALITY_BYTES)
        landmarks = reader.take(_FACIAL)[0]
        reader.skip(landmarks * _LANDMARK_BYTES)
        image = _image(reader, taken)
        if reader.at - start != length:
            raise FaceRecordWrong(f"a representation claims {length} bytes and has {reader.at - start}")
        yield image


def _image(reader: _Reader, taken: bytes) -> FaceImage:
    _, kind, width, height, level, processing, _, _ = reader.take(_IMAGE)
    (length,) = reader.take(_LENGTH)
    data = reader.bytes(length)
    if kind not in set(Encoding) or not data.startswith(STARTS[Encoding(kind)]):
        raise FaceRecordWrong(f"image data type {kind} is not what the data is")
    if not width or not height:
        raise FaceRecordWrong("a picture without pixels")
    return FaceImage(data, width, height, _taken(taken), Encoding(kind), level, Processing(processing & 7))


def _time(taken: datetime | None) -> bytes:
    if taken is None:
        return _NO_TIME
    utc = taken.astimezone(UTC)
    return _TIME.pack(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond // 1000)


def _taken(data: bytes) -> datetime | None:
    if data == _NO_TIME:
        return None
    year, month, day, hour, minute, second, milliseconds = _TIME.unpack(data)
    try:
        return datetime(year, month, day, hour, minute, second, milliseconds * 1000, UTC)
    except ValueError as error:
        raise FaceRecordWrong(f"date of capture: {error}") from error


class _Reader:
    """Takes bytes one after the other and never beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    @property
    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self._data) - self.at

    def bytes(self, length: int) -> bytes:
        """Return the next bytes."""
        if length > self.left:
            raise FaceRecordWrong(f"{length} bytes are claimed where {self.left} are left")
        self.at += length
        return self._data[self.at - length : self.at]

    def skip(self, length: int) -> None:
        """Pass over the next bytes."""
        self.bytes(length)

    def take(self, layout: struct.Struct) -> tuple[Any, ...]:  # Any: numbers and bytes, by the layout
        """Return the fields of the next block."""
        return layout.unpack(self.bytes(layout.size))
