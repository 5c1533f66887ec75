"""A finger image data block, ISO/IEC 39794-4:2019 (its ASN.1 in DER): written and read.

Written: position, impression, picture, quality, sampling rate, and annotations for fingers that could not be taken.
Other members (date, reader, segmentation, comments, vendors' data) are passed over when read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from agent.capture import der
from agent.capture.fingerprint.formats.codes import Position
from agent.capture.fingerprint.formats.errors import BadField, LyingLength, NotAFingerRecord
from agent.capture.fingerprint.formats.record import MAX_REPRESENTATIONS, QualityBlock, within

DATA_BLOCK = der.APPLICATION | der.CONSTRUCTED | 4
# VersionBlock: the third generation of the formats, edition of 2019.
GENERATION, YEAR = 3, 2019
_U16 = 0xFFFF
_CM_PER_INCH = 2.54
_MOST_NUMBER = 2**31

# Context elements by tag byte.
Fields = dict[int, bytes]

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
    version = _group(0, _number(0, GENERATION), _number(1, YEAR))
    blocks = _group(1, *(der.encode(der.SEQUENCE, *_written(one)) for one in images))
    return der.encode(DATA_BLOCK, version + blocks)


def _written(one: DataBlockImage) -> Iterator[bytes]:
    yield _choice(0, one.position)
    yield _choice(1, one.impression)
    yield _choice(2, one.format)
    yield der.encode(der.CONTEXT | 3, one.image)
    if one.qualities:
        yield _group(6, *(der.encode(der.SEQUENCE, _quality(block)) for block in one.qualities))
    if one.ppi is not None:
        yield _group(7, _number(0, round(one.ppi)), _number(1, _Unit.INCH))
    if one.annotations:
        marks = (_choice(0, each.position) + _choice(1, each.reason) for each in one.annotations)
        yield _group(13, *(der.encode(der.SEQUENCE, mark) for mark in marks))


def _group(number: int, *members: bytes) -> bytes:
    return der.encode(der.CONTEXT | der.CONSTRUCTED | number, *members)


def _number(number: int, value: int) -> bytes:
    return der.encode_number(der.CONTEXT | number, value)


def _choice(number: int, code: int) -> bytes:
    """Return a CHOICE of a code [0] and an extension [1]: the code."""
    return _group(number, _number(0, code))


def _quality(block: QualityBlock) -> bytes:
    algorithm = _group(0, _number(0, block.vendor), _number(1, block.algorithm))
    return algorithm + _group(1, _number(0, block.score))


def read_data_block(data: bytes) -> tuple[DataBlockImage, ...]:
    """Return the images; they stay packed. Raises NotAFingerRecord, LyingLength or BadField."""
    if data[:1] != bytes((DATA_BLOCK,)):
        raise NotAFingerRecord(f"begins with {data[:8].hex()}")
    try:
        return _read(data)
    except der.WrongLength as error:
        raise LyingLength(str(error)) from error
    except der.NotDer as error:
        raise BadField(str(error)) from error


def _read(data: bytes) -> tuple[DataBlockImage, ...]:
    found = der.fields(der.only(data, DATA_BLOCK))
    version = _members(found, 0, "version")
    if _number_of(version, 0, "generation") != GENERATION:
        raise BadField(f"generation {_number_of(version, 0, 'generation')}, {GENERATION} is read")
    blocks = _sequences(found, 1, "representation")
    within("number of representations", len(blocks), 1, MAX_REPRESENTATIONS)
    return tuple(_image(block) for block in blocks)


def _image(found: Fields) -> DataBlockImage:
    return DataBlockImage(
        position=_coded(Position, found, 0, "position"),
        impression=_coded(Contact, found, 1, "impression"),
        format=_coded(ImageFormat, found, 2, "image data format"),
        image=_needed(found, der.CONTEXT | 3, "image"),
        qualities=tuple(_read_qualities(found)),
        ppi=_read_ppi(found),
        annotations=tuple(_read_annotations(found)),
    )


def _read_qualities(found: Fields) -> Iterator[QualityBlock]:
    for block in _sequences(found, 6, "quality") if _has(found, 6) else ():
        algorithm, score = _members(block, 0, "quality algorithm"), _members(block, 1, "quality score")
        vendor, kind = (_number_of(algorithm, place, "quality algorithm") for place in (0, 1))
        if _has(score, 0):
            yield QualityBlock(_number_of(score, 0, "quality score"), vendor, kind)


def _read_ppi(found: Fields) -> float | None:
    if not _has(found, 7):
        return None
    rate = _members(found, 7, "sampling rate")
    unit = _known(_Unit, _number_of(rate, 1, "unit"), "unit")
    return _number_of(rate, 0, "sampling rate") * (_CM_PER_INCH if unit is _Unit.CM else 1.0)


def _read_annotations(found: Fields) -> Iterator[Annotation]:
    for mark in _sequences(found, 13, "annotation") if _has(found, 13) else ():
        position = _coded(Position, mark, 0, "annotated position")
        yield Annotation(position, _coded(AnnotationReason, mark, 1, "annotation reason"))


def _has(found: Fields, number: int) -> bool:
    return any(tag in found for tag in (der.CONTEXT | number, der.CONTEXT | der.CONSTRUCTED | number))


def _needed(found: Fields, tag: int, what: str) -> bytes:
    if tag not in found:
        raise BadField(f"{what}: element {tag:02X} is missing")
    return found[tag]


def _members(found: Fields, number: int, what: str) -> Fields:
    return der.fields(_needed(found, der.CONTEXT | der.CONSTRUCTED | number, what))


def _number_of(found: Fields, number: int, what: str) -> int:
    return der.number(_needed(found, der.CONTEXT | number, what), _MOST_NUMBER)


def _sequences(found: Fields, number: int, what: str) -> list[Fields]:
    elements = list(der.elements(_needed(found, der.CONTEXT | der.CONSTRUCTED | number, what)))
    strange = next((tag for tag, _ in elements if tag != der.SEQUENCE), None)
    if strange is not None:
        raise BadField(f"{what}: element {strange:02X}")
    return [der.fields(content) for _, content in elements]


def _coded(codes: type[_Code], found: Fields, number: int, what: str) -> _Code:
    """Read a CHOICE: the code [0], or of an extension [1] the code that stands in for it."""
    choice = _members(found, number, what)
    if not _has(choice, 0):
        choice = _members(choice, 1, what)
    return _known(codes, _number_of(choice, 0, what), what)


def _known(codes: type[_Code], value: int, what: str) -> _Code:
    try:
        return codes(value)
    except ValueError as error:
        raise BadField(f"{what} {value} is not known") from error
