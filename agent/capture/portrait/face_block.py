"""The face image data block of ISO/IEC 39794-5:2019 (annex A, DER), the successor of ISO/IEC 19794-5.

    65 { A0 version { 80 generation, 81 year },
         A1 { 30 { 80 representation id,
                   A1 { A0 { A0 { 80 picture,
                                  A1 information { A0 format { 80 }, A1 kind { 80 }, A2 processing, A7 size { 80, 81 },
                                                   A9 colour space { 80 } } } } },
                   A2 date and time of capture { 80 year … 86 millisecond } } ... } }

Written is one representation; what nobody measured is left out. Read are blocks of several, with what others add.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from agent.capture import der
from agent.capture.portrait.errors import FaceRecordWrong
from agent.capture.portrait.face_record import MOST_BYTES, STARTS, Encoding, FaceImage, Processing

TAG = 0x65  # [APPLICATION 5]
GENERATION, YEAR = 3, 2019
MOST_REPRESENTATIONS = 1000
_MRTD, _GENERAL_PURPOSE, _RGB_24 = 0, 1, 2
_LARGEST, _ANY = 65_535, 2**31
# ImageDataFormatCode.
_FORMATS = {Encoding.JPEG: 2, Encoding.JPEG_2000_LOSSY: 3, Encoding.JPEG_2000_LOSSLESS: 4, Encoding.PNG: 5}
_ENCODINGS = {code: encoding for encoding, code in _FORMATS.items()}
_PROCESSING = (Processing.ROTATED, Processing.CROPPED, Processing.DOWN_SAMPLED)


def write_face_block(image: FaceImage) -> bytes:
    """Return the block with this one picture; raise FaceRecordWrong when it cannot be written."""
    if not image.data.startswith(STARTS[image.encoding]) or not (
        0 < image.width <= _LARGEST and 0 < image.height <= _LARGEST
    ):
        raise FaceRecordWrong(f"{image.encoding.name} of {image.width}x{image.height} px is not what the data is")
    version = der.encode(0xA0, der.encode_number(0x80, GENERATION), der.encode_number(0x81, YEAR))
    flat = der.encode(0xA0, der.encode(0x80, image.data), _information(image))
    one = (der.encode_number(0x80, 0), der.encode(0xA1, der.encode(0xA0, flat)), _time(image.taken))
    return der.encode(TAG, version, der.encode(0xA1, der.encode(der.SEQUENCE, *one)))


def read_face_block(data: bytes) -> list[FaceImage]:
    """Return the pictures of a block; raise FaceRecordWrong naming what does not hold together."""
    if len(data) > MOST_BYTES:
        raise FaceRecordWrong(f"more than {MOST_BYTES} bytes")
    try:
        return _read(data)
    except der.NotDer as error:
        raise FaceRecordWrong(str(error)) from error


def _read(data: bytes) -> list[FaceImage]:
    block = der.fields(der.only(data, TAG))
    version = der.fields(_need(block, 0xA0, "version"))
    der.number(_need(version, 0x80, "generation"), _ANY)
    der.number(_need(version, 0x81, "year"), _ANY)
    images = list(_representations(_need(block, 0xA1, "representations")))
    if not images:
        raise FaceRecordWrong("no representation")
    return images


def _representations(data: bytes) -> Iterator[FaceImage]:
    for count, (tag, value) in enumerate(der.elements(data)):
        if tag != der.SEQUENCE or count >= MOST_REPRESENTATIONS:
            raise FaceRecordWrong("a representation that is none, or too many")
        one = der.fields(value)
        der.number(_need(one, 0x80, "representation id"), _ANY)
        choice = der.only(_need(one, 0xA1, "image representation"), 0xA0)
        flat = der.fields(der.only(choice, 0xA0))
        taken = _taken(one[0xA2]) if 0xA2 in one else None
        yield _image(_need(flat, 0x80, "picture"), der.fields(_need(flat, 0xA1, "information")), taken)


def _image(data: bytes, information: dict[int, bytes], taken: datetime | None) -> FaceImage:
    code = der.number(_need(der.fields(_need(information, 0xA0, "format")), 0x80, "format's code"), _ANY)
    encoding = _ENCODINGS.get(code)
    if encoding is None or not data.startswith(STARTS[encoding]):
        raise FaceRecordWrong(f"image data format {code} is not what the data is")
    width, height = _size(information[0xA7]) if 0xA7 in information else (0, 0)
    done = der.fields(information.get(0xA2, b""))
    processing = Processing.NONE
    for place, flag in enumerate(_PROCESSING):
        if done.get(0x80 + place, b"\0") != b"\0":
            processing |= flag
    return FaceImage(data, width, height, taken, encoding, processing=processing)


def _size(data: bytes) -> tuple[int, int]:
    size = der.fields(data)
    width, height = (der.number(_need(size, tag, "size"), _LARGEST) for tag in (0x80, 0x81))
    if not width or not height:
        raise FaceRecordWrong("a picture without pixels")
    return width, height


def _information(image: FaceImage) -> bytes:
    kind = _MRTD if Processing.CROPPED in image.processing else _GENERAL_PURPOSE
    done = b"".join(
        der.encode(0x80 + place, b"\xff") for place, flag in enumerate(_PROCESSING) if flag in image.processing
    )
    return der.encode(
        0xA1,
        der.encode(0xA0, der.encode_number(0x80, _FORMATS[image.encoding])),
        der.encode(0xA1, der.encode_number(0x80, kind)),
        der.encode(0xA2, done) if done else b"",
        der.encode(0xA7, der.encode_number(0x80, image.width), der.encode_number(0x81, image.height)),
        der.encode(0xA9, der.encode_number(0x80, _RGB_24)),
    )


def _time(taken: datetime | None) -> bytes:
    if taken is None:
        return b""
    utc = taken.astimezone(UTC)
    parts = (utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond // 1000)
    return der.encode(0xA2, *(der.encode_number(0x80 + place, part) for place, part in enumerate(parts)))


def _taken(data: bytes) -> datetime:
    """Return the time; what is not told of it counts as its beginning."""
    told = der.fields(data)
    least = (0, 1, 1, 0, 0, 0, 0)
    parts = [
        der.number(told[0x80 + place], _LARGEST) if 0x80 + place in told else value for place, value in enumerate(least)
    ]
    try:
        year, month, day, hour, minute, second, milliseconds = parts
        return datetime(year, month, day, hour, minute, second, milliseconds * 1000, UTC)
    except ValueError as error:
        raise FaceRecordWrong(f"date of capture: {error}") from error


def _need(found: dict[int, bytes], tag: int, name: str) -> bytes:
    if tag not in found:
        raise FaceRecordWrong(f"no {name}")
    return found[tag]
