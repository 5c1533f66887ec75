"""A finger image record, ISO/IEC 19794-4:2011, as data. What cannot be written cannot be made: see BadField."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.capture.fingerprint.formats.codes import (
    QUALITY_FAILED,
    Compression,
    DeviceTechnology,
    Impression,
    Position,
    ScaleUnit,
)
from agent.capture.fingerprint.formats.errors import BadField, LyingLength

GENERAL_HEADER_BYTES = 16
# With no quality and no certification block, and the picture's length, which comes after the header.
REPRESENTATION_BYTES = 41
# 42 positions of 16 impressions each, the standard's own limit.
MAX_REPRESENTATIONS = 672
BIT_DEPTH = 8
_U8, _U16, _U32 = 0xFF, 0xFFFF, 0xFFFFFFFF


def within(name: str, value: int, least: int, most: int) -> None:
    """Raise BadField unless `value` is in `least`..`most`."""
    if not least <= value <= most:
        raise BadField(f"{name} is {value}, {least} to {most} are possible")


@dataclass(frozen=True, slots=True)
class QualityBlock:
    """A score, 0..100 or 255 (could not be told), and whose algorithm gave it. NFIQ 2's id is for NFIQ 2 alone."""

    score: int
    vendor: int
    algorithm: int

    def __post_init__(self) -> None:
        if self.score != QUALITY_FAILED:
            within("quality score", self.score, 0, 100)
        within("quality vendor", self.vendor, 0, _U16)
        within("quality algorithm", self.algorithm, 0, _U16)


@dataclass(frozen=True, slots=True)
class CertificationBlock:
    """Who certified the reader, and by which scheme."""

    authority: int
    scheme: int

    def __post_init__(self) -> None:
        within("certification authority", self.authority, 0, _U16)
        within("certification scheme", self.scheme, 0, _U8)


@dataclass(frozen=True, slots=True)
class CaptureDevice:
    """The reader by the registry's numbers; 0 is unknown."""

    technology: int = DeviceTechnology.UNKNOWN
    vendor: int = 0
    type: int = 0

    def __post_init__(self) -> None:
        within("device technology", self.technology, 0, _U8)
        within("device vendor", self.vendor, 0, _U16)
        within("device type", self.type, 0, _U16)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Pixels per `unit`: of the reader (scan) and of the picture (image), each across and down."""

    scan_x: int = 500
    scan_y: int = 500
    image_x: int = 500
    image_y: int = 500
    unit: ScaleUnit = ScaleUnit.PIXELS_PER_INCH

    def __post_init__(self) -> None:
        for name in ("scan_x", "scan_y", "image_x", "image_y"):
            within(f"sampling rate {name}", getattr(self, name), 1, _U16)


@dataclass(frozen=True, slots=True)
class Representation:
    """One picture of one finger.

    `image` is packed as `compression` says, `width` x `height` pixels of 8-bit grey. `captured_at` is UTC, None when
    not told. `extended` holds the extended data blocks as they are; they are kept, not read.
    """

    position: Position
    width: int
    height: int
    compression: Compression
    image: bytes = field(repr=False)
    captured_at: datetime | None = None
    device: CaptureDevice = CaptureDevice()
    qualities: tuple[QualityBlock, ...] = ()
    certifications: tuple[CertificationBlock, ...] = ()
    number: int = 0
    sampling: Sampling = Sampling()
    impression: Impression = Impression.LIVE_PLAIN
    extended: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        within("width", self.width, 1, _U16)
        within("height", self.height, 1, _U16)
        within("representation number", self.number, 0, _U8)
        within("number of quality blocks", len(self.qualities), 0, _U8)
        within("number of certification blocks", len(self.certifications), 0, _U8)
        within("image length", len(self.image), 1, _U32)
        if self.captured_at is not None and self.captured_at.utcoffset() != UTC.utcoffset(None):
            raise BadField("captured_at is not in UTC")
        if self.compression is Compression.RAW and len(self.image) != self.width * self.height:
            raise LyingLength(f"{len(self.image)} bytes of raw image for {self.width}x{self.height} pixels")


@dataclass(frozen=True, slots=True)
class FingerImageRecord:
    """All pictures of one capture; one person's, one reader's."""

    representations: tuple[Representation, ...]

    def __post_init__(self) -> None:
        within("number of representations", len(self.representations), 1, MAX_REPRESENTATIONS)

    @property
    def positions(self) -> int:
        """Count the different positions, as the general header does."""
        return len({representation.position for representation in self.representations})

    @property
    def certified(self) -> bool:
        """Say whether any representation has a certification block; then all have the count of theirs."""
        return any(representation.certifications for representation in self.representations)
