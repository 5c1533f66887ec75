"""The fingers as one record at 500 x 500 ppi, beside the lossless masters: ISO/IEC 19794-4:2011, and 39794-4:2019.

Its quality blocks hold NFIQ 2's score where the `nfiq2` program gave it, and none otherwise: our own score has no
registered id, and must not be taken for another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.attempt import Attempt
from agent.capture.fingerprint.exceptions import Reason
from agent.capture.fingerprint.formats import (
    NFIQ2_ALGORITHM,
    NFIQ2_VENDOR,
    Annotation,
    AnnotationReason,
    Compression,
    DataBlockImage,
    FingerImageRecord,
    ImageFormat,
    Position,
    QualityBlock,
    Representation,
    Sampling,
    WsqUnfit,
    pack_jpeg2000,
    pack_wsq,
    write_data_block,
    write_record,
)
from agent.capture.fingerprint.packing import Packing
from agent.capture.fingerprint.quality.nfiq2_program import CHECK_NAME
from agent.devices.seams import Pixels

MEDIA_TYPE = "application/vnd.iso.19794-4"
# The version whose registered algorithm the quality block names.
_NFIQ2 = "NFIQ 2.3"
DATA_BLOCK_MEDIA_TYPE = "application/vnd.iso.39794-4"
_FORMATS = {
    Compression.WSQ: ImageFormat.WSQ,
    Compression.JPEG2000_LOSSLESS: ImageFormat.JPEG2000_LOSSLESS,
}
_ANNOTATIONS = {
    Reason.MISSING: AnnotationReason.AMPUTATED,
    Reason.BANDAGED: AnnotationReason.BANDAGED,
    Reason.WORN: AnnotationReason.UNABLE_TO_PRINT,
    Reason.WORN_FOR_NOW: AnnotationReason.UNABLE_TO_PRINT,
}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The record, and for each finger in words how its picture is packed and what that reached."""

    record: FingerImageRecord = field(repr=False)
    packed: Mapping[str, str]

    def record_bytes(self) -> bytes:
        """Return the finger image record, ISO/IEC 19794-4:2011."""
        return write_record(self.record)

    def data_block(self, excepted: Mapping[str, Reason]) -> bytes:
        """Return the same pictures as a data block of ISO/IEC 39794-4:2019, which also names the excepted fingers."""
        marks = tuple(Annotation(Position[one.upper()], _ANNOTATIONS[reason]) for one, reason in excepted.items())
        return write_data_block(tuple(_in_data_block(one, marks) for one in self.record.representations))


def enrol(kept: Mapping[str, Attempt], packing: Packing) -> Enrolment:
    """Return the record of the kept attempts (finger -> attempt, at least one)."""
    made = {finger: _representation(finger, attempt, packing) for finger, attempt in kept.items()}
    record = FingerImageRecord(tuple(representation for representation, _ in made.values()))
    return Enrolment(record, {finger: words for finger, (_, words) in made.items()})


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


def _in_data_block(one: Representation, marks: tuple[Annotation, ...]) -> DataBlockImage:
    return DataBlockImage(
        position=one.position,
        format=_FORMATS[one.compression],
        image=one.image,
        ppi=one.sampling.image_x,
        qualities=one.qualities,
        annotations=marks,
    )


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
