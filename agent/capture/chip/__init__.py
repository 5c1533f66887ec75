"""The chip of a citizen card (ICAO Doc 9303), read over a CardLink. No hardware in here."""

from agent.capture.chip.errors import (
    AccessDenied,
    ChipDataError,
    ChipError,
    NotANumber,
    QrUnreadable,
    SessionBroken,
    StatusError,
    WrongCan,
)
from agent.capture.chip.identity import CardAccessNumber, QrData, parse_qr
from agent.capture.chip.lds import FaceImage
from agent.capture.chip.reader import ChipPolicy, ChipResult, Holder, read_chip
from agent.capture.chip.trust import TrustAnchors

__all__ = [
    "AccessDenied",
    "CardAccessNumber",
    "ChipDataError",
    "ChipError",
    "ChipPolicy",
    "ChipResult",
    "FaceImage",
    "Holder",
    "NotANumber",
    "QrData",
    "QrUnreadable",
    "SessionBroken",
    "StatusError",
    "TrustAnchors",
    "WrongCan",
    "parse_qr",
    "read_chip",
]
