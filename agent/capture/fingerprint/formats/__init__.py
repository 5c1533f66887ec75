"""Fingerprints as files: records of ISO/IEC 19794-4 and 39794-4, JPEG 2000 lossless, WSQ, and readers of them."""

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
from agent.capture.fingerprint.formats.data_block import (
    Annotation,
    AnnotationReason,
    DataBlockImage,
    ImageFormat,
    read_data_block,
    write_data_block,
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
    "Annotation",
    "AnnotationReason",
    "BadField",
    "CaptureDevice",
    "CertificationBlock",
    "Compression",
    "DamagedPicture",
    "DataBlockImage",
    "DecoderTimeout",
    "DeviceTechnology",
    "FingerFormatError",
    "FingerImageRecord",
    "FingerPicture",
    "ImageFormat",
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
    "read_data_block",
    "read_file",
    "read_jpeg2000",
    "read_png",
    "read_record",
    "read_wsq",
    "write_data_block",
    "write_record",
]
