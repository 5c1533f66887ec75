"""Fingerprints as files: ISO/IEC 19794-4:2011 records, JPEG 2000 lossless, WSQ, and readers for what comes in."""

from agent.capture.fingerprint.formats.codes import (
    NFIQ2_ALGORITHM,
    NFIQ2_VENDOR,
    QUALITY_FAILED,
    Compression,
    DeviceTechnology,
    Impression,
    Position,
    ScaleUnit,
)
from agent.capture.fingerprint.formats.errors import (
    BadField,
    DamagedPicture,
    DecoderTimeout,
    FingerFormatError,
    LyingLength,
    NotAFingerRecord,
    PictureTooBig,
    TruncatedFile,
    UnsupportedPicture,
    WsqUnfit,
)
from agent.capture.fingerprint.formats.file import FingerPicture, read_file
from agent.capture.fingerprint.formats.jpeg2000 import pack_jpeg2000
from agent.capture.fingerprint.formats.picture import pixels_of, read_jpeg2000, read_png
from agent.capture.fingerprint.formats.reader import read_record
from agent.capture.fingerprint.formats.record import (
    CaptureDevice,
    CertificationBlock,
    FingerImageRecord,
    QualityBlock,
    Representation,
    Sampling,
)
from agent.capture.fingerprint.formats.writer import write_record
from agent.capture.fingerprint.formats.wsq import WsqContent, WsqPicture, pack_wsq, read_wsq

__all__ = [
    "NFIQ2_ALGORITHM",
    "NFIQ2_VENDOR",
    "QUALITY_FAILED",
    "BadField",
    "CaptureDevice",
    "CertificationBlock",
    "Compression",
    "DamagedPicture",
    "DecoderTimeout",
    "DeviceTechnology",
    "FingerFormatError",
    "FingerImageRecord",
    "FingerPicture",
    "Impression",
    "LyingLength",
    "NotAFingerRecord",
    "PictureTooBig",
    "Position",
    "QualityBlock",
    "Representation",
    "Sampling",
    "ScaleUnit",
    "TruncatedFile",
    "UnsupportedPicture",
    "WsqContent",
    "WsqPicture",
    "WsqUnfit",
    "pack_jpeg2000",
    "pack_wsq",
    "pixels_of",
    "read_file",
    "read_jpeg2000",
    "read_png",
    "read_record",
    "read_wsq",
    "write_record",
]
