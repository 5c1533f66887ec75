"""Portraits for other systems: bare JPEG and JPEG 2000, face records of ISO/IEC 19794-5 and 39794-5.

A picture is cut to the 35x45 crop, unless it is one already; the picture inside a face record is taken as it is. What
is written carries no EXIF and no other metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import numpy as np

from agent.capture.portrait import crop, face_block
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.encoding import encode
from agent.capture.portrait.errors import NoFaceInPicture, PictureNotWritten, PictureTooLarge, PictureUnreadable
from agent.capture.portrait.face import Mesh
from agent.capture.portrait.face_record import (
    FORMAT,
    MOST_BYTES,
    Encoding,
    FaceImage,
    Processing,
    read_face_record,
    sampling_level,
    write_face_record,
)
from agent.capture.portrait.jpeg2000 import encode_jpeg2000
from agent.capture.portrait.measures import JPEG_2000, SizeLimits
from agent.capture.portrait.picture_file import decode_picture
from agent.capture.portrait.settings import CROP_DPI, CROP_HEIGHT, CROP_WIDTH
from agent.devices.seams import Pixels

# The face's outermost points, before the ears.
RIGHT_SIDE, LEFT_SIDE = 234, 454


class Format(StrEnum):
    """What can be written."""

    JPEG = "jpg"
    JPEG_2000 = "jp2"
    FACE_RECORD = "19794-5"
    FACE_BLOCK = "39794-5"


ENDINGS = {Format.JPEG: ".jpg", Format.JPEG_2000: ".jp2", Format.FACE_RECORD: ".fac", Format.FACE_BLOCK: ".39794-5"}


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture to be written: BGR, what was done to it, when it was taken, the head's width in pixels (0: unknown)."""

    pixels: Pixels = field(repr=False)
    processing: Processing = Processing.NONE
    taken: datetime | None = None
    head_width_px: float = 0.0


def read_portraits(path: Path, analyser: Analyser) -> Iterator[Portrait]:
    """Yield the portraits of a picture or of a face record.

    Raises NoFaceInPicture, TooFewPixels (a crop is never enlarged), FaceRecordWrong, and the errors of a picture.
    """
    data = _read(path)
    if data.startswith(FORMAT):
        images = read_face_record(data)
    elif data[:1] == bytes([face_block.TAG]):
        images = face_block.read_face_block(data)
    else:
        yield _cut(decode_picture(data, path.name).pixels, path.name, analyser)
        return
    for image in images:
        yield Portrait(decode_picture(image.data, path.name).pixels, image.processing, image.taken)


def written_as(portrait: Portrait, kind: Format, limits: SizeLimits) -> bytes:
    """Return the portrait in a format; in a record it is encoded as `limits.crop_type`. Raises SizeLimitTooSmall."""
    image = _encoded(portrait, kind, limits)
    match kind:
        case Format.FACE_RECORD:
            return write_face_record(image)
        case Format.FACE_BLOCK:
            return face_block.write_face_block(image)
    return image.data


def write(data: bytes, path: Path) -> None:
    """Write a file that was not there; raise PictureNotWritten."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise PictureNotWritten(f"{path}: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PictureUnreadable(f"{path.name}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise PictureTooLarge(f"{path.name}: more than {MOST_BYTES // 2**20} MiB")
    return data


def _cut(pixels: Pixels, name: str, analyser: Analyser) -> Portrait:
    if pixels.shape[:2] == (CROP_HEIGHT, CROP_WIDTH):
        return Portrait(pixels, Processing.CROPPED)
    seen = analyser.inspect(pixels)
    if seen.mesh is None or seen.crop is None:
        raise NoFaceInPicture(name)
    crop.demand_pixels(seen.mesh)
    done = Processing.ROTATED | Processing.CROPPED | Processing.DOWN_SAMPLED
    return Portrait(seen.crop, done, head_width_px=_head_width(seen.mesh))


def _head_width(mesh: Mesh) -> float:
    """Return the width of the face in the crop, where its height is known."""
    across = float(np.linalg.norm(mesh.at(LEFT_SIDE) - mesh.at(RIGHT_SIDE)))
    return across * CROP_HEIGHT / crop.crop_height(mesh)


def _encoded(portrait: Portrait, kind: Format, limits: SizeLimits) -> FaceImage:
    in_record = kind in {Format.FACE_RECORD, Format.FACE_BLOCK}
    height, width = portrait.pixels.shape[:2]
    if kind is Format.JPEG_2000 or (in_record and limits.crop_type == JPEG_2000):
        encoding, data = Encoding.JPEG_2000_LOSSY, encode_jpeg2000(portrait.pixels, limits.crop).data
    else:
        dpi = CROP_DPI if (height, width) == (CROP_HEIGHT, CROP_WIDTH) else 0
        encoding, data = Encoding.JPEG, encode(portrait.pixels, limits.crop, dpi).data
    level = sampling_level(portrait.head_width_px)
    return FaceImage(data, width, height, portrait.taken, encoding, level, portrait.processing)
