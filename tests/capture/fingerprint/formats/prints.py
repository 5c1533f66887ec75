"""What the tests of the formats share: small pictures, records, and every way to cut bytes short."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

import cv2
import numpy as np
from firmware_mocks.fingers import master, natural, press
from hypothesis import strategies as st

from agent.capture.fingerprint.formats import (
    CaptureDevice,
    CertificationBlock,
    Compression,
    FingerImageRecord,
    Impression,
    Position,
    QualityBlock,
    Representation,
    Sampling,
    ScaleUnit,
)
from agent.devices.seams import Pixels

WHEN = datetime(2026, 3, 9, 14, 5, 59, 123000, UTC)


def synthetic_print(seed: int = 1) -> Pixels:
    """Return a print of 384 x 290 pixels."""
    return press(master(seed), natural(seed))


def small_picture(width: int = 12, height: int = 9) -> Pixels:
    """Return a picture whose pixels all tell their place."""
    return (np.arange(width * height, dtype=np.uint32) * 7 % 256).astype(np.uint8).reshape(height, width)


def grey_png(pixels: Pixels) -> bytes:
    """Pack with another library than the one that unpacks."""
    done, data = cv2.imencode(".png", pixels)
    assert done
    return data.tobytes()


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and its right checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, packed: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """Return a PNG that claims a size over any packed bytes."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def raw(pixels: Pixels, position: Position = Position.RIGHT_INDEX) -> Representation:
    """Return a representation with raw pixels."""
    height, width = pixels.shape
    return Representation(position, width, height, Compression.RAW, pixels.tobytes())


def packed(image: bytes, compression: Compression, width: int, height: int) -> Representation:
    """Return a representation with any packed bytes."""
    return Representation(Position.LEFT_THUMB, width, height, compression, image)


def cuts(data: bytes) -> Iterator[bytes]:
    """Return every beginning of `data` but the whole."""
    for length in range(len(data)):
        yield data[:length]


_U8, _U16 = st.integers(0, 255), st.integers(0, 65535)
_RATE = st.integers(1, 65535)
_DATES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(
    lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000)
)
_SAMPLING = st.builds(Sampling, _RATE, _RATE, _RATE, _RATE, st.sampled_from(ScaleUnit))
_QUALITY = st.builds(QualityBlock, st.integers(0, 100) | st.just(255), _U16, _U16)


@st.composite
def representations(draw: st.DrawFn) -> Representation:
    """Draw any representation that can be written."""
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    compression = draw(st.sampled_from(Compression))
    length = width * height if compression is Compression.RAW else draw(st.integers(1, 40))
    return Representation(
        draw(st.sampled_from(Position)),
        width,
        height,
        compression,
        draw(st.binary(min_size=length, max_size=length)),
        draw(st.none() | _DATES),
        draw(st.builds(CaptureDevice, _U8, _U16, _U16)),
        tuple(draw(st.lists(_QUALITY, max_size=3))),
        tuple(draw(st.lists(st.builds(CertificationBlock, _U16, _U8), max_size=2))),
        draw(_U8),
        draw(_SAMPLING),
        draw(st.sampled_from(Impression)),
        draw(st.binary(max_size=8)),
    )


records = st.lists(representations(), min_size=1, max_size=4).map(lambda each: FingerImageRecord(tuple(each)))
