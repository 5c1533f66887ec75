"""Write a finger image record, ISO/IEC 19794-4:2011 clause 8. All numbers are big-endian."""

from __future__ import annotations

import struct
from datetime import datetime

from agent.capture.fingerprint.formats.errors import BadField
from agent.capture.fingerprint.formats.record import (
    BIT_DEPTH,
    GENERAL_HEADER_BYTES,
    FingerImageRecord,
    Representation,
)

FORMAT_ID, VERSION = b"FIR\0", b"020\0"
NO_DATE = b"\xff" * 9
_MOST = 0xFFFFFFFF


def write_record(record: FingerImageRecord) -> bytes:
    """Return the record's bytes; raise BadField when they are more than a length of 32 bits can tell."""
    body = b"".join(_representation(each, record.certified) for each in record.representations)
    length = GENERAL_HEADER_BYTES + len(body)
    if length > _MOST:
        raise BadField(f"record length is {length}, at most {_MOST} is possible")
    counts = struct.pack(">IHBB", length, len(record.representations), record.certified, record.positions)
    return FORMAT_ID + VERSION + counts + body


def _representation(one: Representation, certified: bool) -> bytes:
    device, sampling = one.device, one.sampling
    rest = b"".join(
        (
            _date(one.captured_at),
            struct.pack(">BHH", device.technology, device.vendor, device.type),
            _qualities(one),
            _certifications(one) if certified else b"",
            struct.pack(">BBB", one.position, one.number, sampling.unit),
            struct.pack(">HHHH", sampling.scan_x, sampling.scan_y, sampling.image_x, sampling.image_y),
            struct.pack(">BBB", BIT_DEPTH, one.compression, one.impression),
            struct.pack(">HHI", one.width, one.height, len(one.image)),
            one.image,
            one.extended,
        )
    )
    return struct.pack(">I", 4 + len(rest)) + rest


def _date(when: datetime | None) -> bytes:
    if when is None:
        return NO_DATE
    time = (when.hour, when.minute, when.second, when.microsecond // 1000)
    return struct.pack(">HBBBBBH", when.year, when.month, when.day, *time)


def _qualities(one: Representation) -> bytes:
    blocks = [struct.pack(">BHH", block.score, block.vendor, block.algorithm) for block in one.qualities]
    return bytes([len(blocks)]) + b"".join(blocks)


def _certifications(one: Representation) -> bytes:
    blocks = [struct.pack(">HB", block.authority, block.scheme) for block in one.certifications]
    return bytes([len(blocks)]) + b"".join(blocks)
