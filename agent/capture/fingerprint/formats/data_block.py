"""A finger image data block, ISO/IEC 39794-4:2019 (its ASN.1 in DER): written and read.

Written: position, impression, picture, quality, sampling rate, and annotations for fingers that could not be taken.
Other members (date, reader, segmentation, comments, vendors' data) are passed over when read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from agent.capture.fingerprint.formats import der
from agent.capture.fingerprint.formats.codes import Position
from agent.capture.fingerprint.formats.cursor import Cursor
from agent.capture.fingerprint.formats.errors import BadField, LyingLength, NotAFingerRecord
from agent.capture.fingerprint.formats.record import MAX_REPRESENTATIONS, QualityBlock, within

DATA_BLOCK = der.application(4)
# VersionBlock: the third generation of the formats, edition of 2019.
GENERATION, YEAR = 3, 2019
_U16 = 0xFFFF
_CM_PER_INCH = 2.54

_Code = TypeVar("_Code", bound=IntEnum)


class ImageFormat(IntEnum):
    """How the picture is packed (ImageDataFormatCode)."""

    PGM = 0
    WSQ = 1
    JPEG2000_LOSSY = 2
    JPEG2000_LOSSLESS = 3
    PNG = 4


class Contact(IntEnum):
    """How the print was made (ImpressionCode)."""

    PLAIN_CONTACT = 0
    ROLLED_CONTACT = 1
    LATENT_IMAGE = 4
    SWIPE_CONTACT = 8
    STATIONARY_SUBJECT_CONTACTLESS_PLAIN = 24
    STATIONARY_SUBJECT_CONTACTLESS_ROLLED = 25
    OTHER_IMPRESSION = 28
    UNKNOWN_IMPRESSION = 29
    MOVING_SUBJECT_CONTACTLESS_PLAIN = 41
    MOVING_SUBJECT_CONTACTLESS_ROLLED = 42


class AnnotationReason(IntEnum):
    """Why a finger is not on a picture (AnnotationReasonCode)."""

    UNKNOWN = 0
    OTHER = 1
    AMPUTATED = 2
    UNABLE_TO_PRINT = 3
    BANDAGED = 4
    PHYSICALLY_CHALLENGED = 5
    DISEASED = 6


class _Unit(IntEnum):
    INCH = 0
    CM = 1


@dataclass(frozen=True, slots=True)
class Annotation:
    """A finger that could not be taken, and why."""

    position: Position
    reason: AnnotationReason


@dataclass(frozen=True, slots=True)
class DataBlockImage:
    """One RepresentationBlock. `ppi` is pixels per inch, None when not told; a quality without a score is left out."""

    position: Position
    format: ImageFormat
    image: bytes = field(repr=False)
    ppi: float | None = 500
    impression: Contact = Contact.PLAIN_CONTACT
    qualities: tuple[QualityBlock, ...] = ()
    annotations: tuple[Annotation, ...] = ()

    def __post_init__(self) -> None:
        within("image length", len(self.image), 1, 0xFFFFFFFF)
        if self.ppi is not None:
            within("sampling rate", round(self.ppi), 1, _U16)
        for block in self.qualities:
            within("quality score", block.score, 0, 100)
            within("quality vendor", block.vendor, 1, _U16)
            within("quality algorithm", block.algorithm, 1, _U16)


def write_data_block(images: tuple[DataBlockImage, ...]) -> bytes:
    """Return the data block (at least one image)."""
    within("number of representations", len(images), 1, MAX_REPRESENTATIONS)
    version = der.group(0, der.integer(0, GENERATION), der.integer(1, YEAR))
    blocks = der.group(1, *(der.element(der.SEQUENCE, b"".join(_written(one))) for one in images))
    return der.element(DATA_BLOCK, version + blocks)


def _written(one: DataBlockImage) -> Iterator[bytes]:
    yield _choice(0, one.position)
    yield _choice(1, one.impression)
    yield _choice(2, one.format)
    yield der.octets(3, one.image)
    if one.qualities:
        yield der.group(6, *(der.element(der.SEQUENCE, _quality(block)) for block in one.qualities))
    if one.ppi is not None:
        yield der.group(7, der.integer(0, round(one.ppi)), der.integer(1, _Unit.INCH))
    if one.annotations:
        marks = (_choice(0, each.position) + _choice(1, each.reason) for each in one.annotations)
        yield der.group(13, *(der.element(der.SEQUENCE, mark) for mark in marks))


def _choice(number: int, code: int) -> bytes:
    """Return a CHOICE of a code [0] and an extension [1]: the code."""
    return der.group(number, der.integer(0, code))


def _quality(block: QualityBlock) -> bytes:
    algorithm = der.group(0, der.integer(0, block.vendor), der.integer(1, block.algorithm))
    return algorithm + der.group(1, der.integer(0, block.score))


def read_data_block(data: bytes) -> tuple[DataBlockImage, ...]:
    """Return the images; they stay packed. Raises NotAFingerRecord, TruncatedFile, LyingLength or BadField."""
    walk = Cursor(data)
    if data[:1] != bytes((DATA_BLOCK,)):
        raise NotAFingerRecord(f"begins with {data[:8].hex()}")
    _, content = der.take(walk, "data block")
    if walk.left:
        raise LyingLength(f"{walk.left} bytes after the data block")
    found = der.members(content, "data block")
    version = der.members(der.needed(found, 0, "version", constructed=True), "version")
    if der.number_of(version, 0, "generation") != GENERATION:
        raise BadField(f"generation {der.number_of(version, 0, 'generation')}, {GENERATION} is read")
    blocks = _sequences(der.needed(found, 1, "representations", constructed=True), "representation")
    within("number of representations", len(blocks), 1, MAX_REPRESENTATIONS)
    return tuple(_image(block) for block in blocks)


def _image(content: bytes) -> DataBlockImage:
    found = der.members(content, "representation")
    return DataBlockImage(
        position=_coded(Position, found, 0, "position"),
        impression=_coded(Contact, found, 1, "impression"),
        format=_coded(ImageFormat, found, 2, "image data format"),
        image=der.needed(found, 3, "image", constructed=False),
        qualities=tuple(_read_qualities(found)),
        ppi=_read_ppi(found),
        annotations=tuple(_read_annotations(found)),
    )


def _read_qualities(found: dict[int, tuple[bool, bytes]]) -> Iterator[QualityBlock]:
    if 6 not in found:
        return
    for one in _sequences(der.needed(found, 6, "qualities", constructed=True), "quality"):
        block = der.members(one, "quality")
        algorithm = der.members(der.needed(block, 0, "quality algorithm", constructed=True), "quality algorithm")
        score = der.members(der.needed(block, 1, "quality score", constructed=True), "quality score")
        vendor, kind = (der.number_of(algorithm, place, "quality algorithm") for place in (0, 1))
        if 0 in score:
            yield QualityBlock(der.number_of(score, 0, "quality score"), vendor, kind)


def _read_ppi(found: dict[int, tuple[bool, bytes]]) -> float | None:
    if 7 not in found:
        return None
    rate = der.members(der.needed(found, 7, "sampling rate", constructed=True), "sampling rate")
    unit = _known(_Unit, der.number_of(rate, 1, "unit"), "unit")
    return der.number_of(rate, 0, "sampling rate") * (_CM_PER_INCH if unit is _Unit.CM else 1.0)


def _read_annotations(found: dict[int, tuple[bool, bytes]]) -> Iterator[Annotation]:
    if 13 not in found:
        return
    for one in _sequences(der.needed(found, 13, "annotations", constructed=True), "annotation"):
        mark = der.members(one, "annotation")
        position = _coded(Position, mark, 0, "annotated position")
        yield Annotation(position, _coded(AnnotationReason, mark, 1, "annotation reason"))


def _sequences(content: bytes, what: str) -> list[bytes]:
    walk, found = Cursor(content), []
    while walk.left:
        tag, inside = der.take(walk, what)
        if tag != der.SEQUENCE:
            raise BadField(f"{what}: element {tag:02X}")
        found.append(inside)
    return found


def _coded(codes: type[_Code], found: dict[int, tuple[bool, bytes]], number: int, what: str) -> _Code:
    """Read a CHOICE: the code [0], or of an extension [1] the code that stands in for it."""
    choice = der.members(der.needed(found, number, what, constructed=True), what)
    if 0 not in choice:
        choice = der.members(der.needed(choice, 1, what, constructed=True), what)
    return _known(codes, der.number_of(choice, 0, what), what)


def _known(codes: type[_Code], value: int, what: str) -> _Code:
    try:
        return codes(value)
    except ValueError as error:
        raise BadField(f"{what} {value} is not known") from error
