"""Read a fingerprint from any file that technicians have: PNG, PGM, JPEG 2000, WSQ, or a record."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from agent.capture.fingerprint.formats.codes import Position, ScaleUnit
from agent.capture.fingerprint.formats.data_block import DATA_BLOCK, DataBlockImage, ImageFormat, read_data_block
from agent.capture.fingerprint.formats.errors import BadField, LyingLength, NotAFingerRecord, UnsupportedPicture
from agent.capture.fingerprint.formats.jpeg2000 import CODESTREAM, JP2_SIGNATURE
from agent.capture.fingerprint.formats.limits import check_size
from agent.capture.fingerprint.formats.picture import pixels_of, read_jpeg2000, read_png
from agent.capture.fingerprint.formats.png_picture import SIGNATURE, png_ppi
from agent.capture.fingerprint.formats.reader import read_record
from agent.capture.fingerprint.formats.record import Representation
from agent.capture.fingerprint.formats.writer import FORMAT_ID
from agent.capture.fingerprint.formats.wsq import read_wsq
from agent.devices.seams import Pixels

_WSQ = b"\xff\xa0"
_DATA_BLOCK = bytes((DATA_BLOCK,))
# Netpbm: magic, width, height, greatest grey, with blanks and comments between them, then one blank.
_PGM = re.compile(rb"P5(?:\s|#[^\n]*\n)+(\d{1,6})(?:\s|#[^\n]*\n)+(\d{1,6})(?:\s|#[^\n]*\n)+(\d{1,6})\s")
_PGM_HEADER_BYTES = 1024
_CM_PER_INCH = 2.54


@dataclass(frozen=True, slots=True)
class FingerPicture:
    """One print as found: `kind` names the format, `ppi` is across and down, None where the file does not say."""

    pixels: Pixels = field(repr=False)
    kind: str
    ppi: tuple[float, float] | None = None
    position: Position = Position.UNKNOWN


def read_file(data: bytes) -> tuple[FingerPicture, ...]:
    """Return every print in the file, whose kind is told by its first bytes; raises FingerFormatError's children."""
    if data.startswith(FORMAT_ID):
        return tuple(_of_record(one) for one in read_record(data).representations)
    if data.startswith(_DATA_BLOCK):
        return tuple(_of_data_block(one) for one in read_data_block(data))
    if data.startswith(SIGNATURE):
        return (FingerPicture(read_png(data), "PNG", png_ppi(data)),)
    if data.startswith((JP2_SIGNATURE, CODESTREAM)):
        return (FingerPicture(read_jpeg2000(data), "JPEG 2000"),)
    if data.startswith(_WSQ):
        content = read_wsq(data)
        ppi = None if content.ppi is None else (float(content.ppi), float(content.ppi))
        return (FingerPicture(content.pixels, "WSQ", ppi),)
    if data.startswith(b"P5"):
        return (FingerPicture(_pgm(data), "PGM"),)
    raise NotAFingerRecord(f"begins with {data[:8].hex()}" if data else "the file is empty")


def _of_record(one: Representation) -> FingerPicture:
    scale = _CM_PER_INCH if one.sampling.unit is ScaleUnit.PIXELS_PER_CM else 1.0
    ppi = (one.sampling.image_x * scale, one.sampling.image_y * scale)
    return FingerPicture(pixels_of(one), f"ISO/IEC 19794-4 {one.compression.name}", ppi, one.position)


def _of_data_block(one: DataBlockImage) -> FingerPicture:
    ppi = None if one.ppi is None else (one.ppi, one.ppi)
    return FingerPicture(_unpacked(one), f"ISO/IEC 39794-4 {one.format.name}", ppi, one.position)


def _unpacked(one: DataBlockImage) -> Pixels:
    match one.format:
        case ImageFormat.PGM:
            return _pgm(one.image)
        case ImageFormat.PNG:
            return read_png(one.image)
        case ImageFormat.WSQ:
            return read_wsq(one.image).pixels
        case _:
            return read_jpeg2000(one.image)


def _pgm(data: bytes) -> Pixels:
    head = _PGM.match(data[:_PGM_HEADER_BYTES])
    if head is None:
        raise BadField("the PGM file's header cannot be read")
    width, height, white = map(int, head.groups())
    check_size(width, height)
    if white != 255:
        raise UnsupportedPicture(f"PGM with greys up to {white}; 255 is read")
    if len(data) - head.end() != width * height:
        raise LyingLength(f"{len(data) - head.end()} bytes of PGM for {width}x{height} pixels")
    return np.frombuffer(data, np.uint8, offset=head.end()).reshape(height, width)
