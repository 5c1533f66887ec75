"""Read a finger image record, ISO/IEC 19794-4:2011 clause 8. No length is believed before it is checked."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeVar

from agent.capture.fingerprint.formats.codes import Compression, Impression, Position, ScaleUnit
from agent.capture.fingerprint.formats.cursor import Cursor
from agent.capture.fingerprint.formats.errors import BadField, LyingLength, NotAFingerRecord
from agent.capture.fingerprint.formats.record import (
    BIT_DEPTH,
    GENERAL_HEADER_BYTES,
    MAX_REPRESENTATIONS,
    REPRESENTATION_BYTES,
    CaptureDevice,
    CertificationBlock,
    FingerImageRecord,
    QualityBlock,
    Representation,
    Sampling,
    within,
)
from agent.capture.fingerprint.formats.writer import FORMAT_ID, NO_DATE, VERSION

_Code = TypeVar("_Code", bound=IntEnum)


def read_record(data: bytes) -> FingerImageRecord:
    """Return the record; the pictures in it stay packed.

    Raises NotAFingerRecord, TruncatedFile, LyingLength or BadField.
    """
    head = Cursor(data)
    if head.take(8, "format and version") != FORMAT_ID + VERSION:
        raise NotAFingerRecord(f"begins with {data[:8].hex()}")
    length, count, certified, positions = head.numbers("IHBB", "general header")
    if length != len(data):
        raise LyingLength(f"the record says {length} bytes, there are {len(data)}")
    within("number of representations", count, 1, MAX_REPRESENTATIONS)
    within("certification flag", certified, 0, 1)
    if count * REPRESENTATION_BYTES > length - GENERAL_HEADER_BYTES:
        raise LyingLength(f"{count} representations do not fit into {length} bytes")
    record = FingerImageRecord(tuple(_representation(head, bool(certified)) for _ in range(count)))
    _check_whole(head, record, positions)
    return record


def _check_whole(head: Cursor, record: FingerImageRecord, positions: int) -> None:
    if head.left:
        raise LyingLength(f"{head.left} bytes after the last representation")
    if positions != record.positions:
        raise LyingLength(f"the record says {positions} positions, there are {record.positions}")


def _representation(head: Cursor, certified: bool) -> Representation:
    start = head.at
    (length,) = head.numbers("I", "representation length")
    if length < REPRESENTATION_BYTES:
        raise LyingLength(f"the representation at {start} says {length} bytes, {REPRESENTATION_BYTES} are needed")
    inside = Cursor(head.take(length - 4, f"representation at {start}"))
    captured_at, device = _date(inside.take(9, "capture date")), CaptureDevice(*inside.numbers("BHH", "device"))
    qualities = _qualities(inside)
    certifications = _certifications(inside) if certified else ()
    position, number, unit = inside.numbers("BBB", "position")
    scan_x, scan_y, image_x, image_y = inside.numbers("HHHH", "sampling rates")
    sampling = Sampling(scan_x, scan_y, image_x, image_y, _code(ScaleUnit, unit))
    depth, compression, impression = inside.numbers("BBB", "kind of picture")
    within("bit depth", depth, BIT_DEPTH, BIT_DEPTH)
    width, height, image_bytes = inside.numbers("HHI", "size of picture")
    return Representation(
        _code(Position, position),
        width,
        height,
        _code(Compression, compression),
        inside.take(image_bytes, "picture"),
        captured_at,
        device,
        qualities,
        certifications,
        number,
        sampling,
        _code(Impression, impression),
        inside.take(inside.left, "extended data"),
    )


def _date(told: bytes) -> datetime | None:
    if told == NO_DATE:
        return None
    year, month, day, hour, minute, second, milliseconds = struct.unpack(">HBBBBBH", told)
    within("milliseconds", milliseconds, 0, 999)
    try:
        return datetime(year, month, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)
    except ValueError as error:
        raise BadField(f"capture date {told.hex()}: {error}") from error


def _qualities(inside: Cursor) -> tuple[QualityBlock, ...]:
    (count,) = inside.numbers("B", "number of quality blocks")
    return tuple(QualityBlock(*inside.numbers("BHH", "quality block")) for _ in range(count))


def _certifications(inside: Cursor) -> tuple[CertificationBlock, ...]:
    (count,) = inside.numbers("B", "number of certification blocks")
    return tuple(CertificationBlock(*inside.numbers("HB", "certification block")) for _ in range(count))


def _code(kind: type[_Code], value: int) -> _Code:
    try:
        return kind(value)
    except ValueError as error:
        raise BadField(f"{kind.__name__} {value} is not in the standard's table") from error
