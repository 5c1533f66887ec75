"""The fingers as one finger image record (ISO/IEC 19794-4:2011), 500 x 500 ppi, beside the lossless masters.

Its quality blocks hold NFIQ 2's score where the `nfiq2` program gave it, and none otherwise: our own score has no
registered id, and must not be taken for another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.attempt import Attempt
from agent.capture.fingerprint.formats import (
    NFIQ2_ALGORITHM,
    NFIQ2_VENDOR,
    Compression,
    FingerImageRecord,
    Position,
    QualityBlock,
    Representation,
    Sampling,
    WsqUnfit,
    pack_jpeg2000,
    pack_wsq,
    write_record,
)
from agent.capture.fingerprint.packing import Packing
from agent.capture.fingerprint.quality.nfiq2_program import CHECK_NAME
from agent.devices.seams import Pixels

MEDIA_TYPE = "application/vnd.iso.19794-4"
# The version whose registered algorithm the quality block names.
_NFIQ2 = "NFIQ 2.3"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The record's bytes, and for each finger in words how its picture is packed and what that reached."""

    record: bytes = field(repr=False)
    packed: Mapping[str, str]


def enrol(kept: Mapping[str, Attempt], packing: Packing) -> Enrolment:
    """Return the record of the kept attempts (finger -> attempt, at least one)."""
    made = {finger: _representation(finger, attempt, packing) for finger, attempt in kept.items()}
    record = FingerImageRecord(tuple(representation for representation, _ in made.values()))
    return Enrolment(write_record(record), {finger: words for finger, (_, words) in made.items()})


def _representation(finger: str, attempt: Attempt, packing: Packing) -> tuple[Representation, str]:
    pixels, image = attempt.judgement.pixels, attempt.shot.image
    compression, data, words = _packed(pixels, packing)
    height, width = pixels.shape
    representation = Representation(
        position=Position[finger.upper()],
        width=width,
        height=height,
        compression=compression,
        image=data,
        qualities=tuple(_qualities(attempt)),
        sampling=Sampling(scan_x=round(image.x_ppi), scan_y=round(image.y_ppi)),
    )
    return representation, words


def _packed(pixels: Pixels, packing: Packing) -> tuple[Compression, bytes, str]:
    if packing is Packing.WSQ:
        try:
            wsq = pack_wsq(pixels)
            return Compression.WSQ, wsq.data, f"WSQ, {wsq.ratio:.1f}:1, {wsq.psnr_db:.1f} dB"
        except WsqUnfit:
            pass
    data = pack_jpeg2000(pixels)
    return Compression.JPEG2000_LOSSLESS, data, f"JPEG 2000 lossless, {pixels.size / len(data):.1f}:1"


def _qualities(attempt: Attempt) -> Iterator[QualityBlock]:
    unified = attempt.judgement.check(CHECK_NAME)
    if unified.verdict is Verdict.PASSED and unified.scalar is not None and unified.unit.startswith(_NFIQ2):
        yield QualityBlock(unified.scalar, NFIQ2_VENDOR, NFIQ2_ALGORITHM)
