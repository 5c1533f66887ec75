"""The chip of a citizen card (ICAO Doc 9303), read over a CardLink. No hardware in here."""

from agent.capture.chip.active_authentication import RecordBinding
from agent.capture.chip.documents import CITIZEN_CARD, PROFILES, TRAVEL_DOCUMENT, DocumentProfile
from agent.capture.chip.errors import (
    AccessDenied,
    ChipDataError,
    ChipError,
    NotAnMrz,
    NotANumber,
    NotAPin,
    QrUnreadable,
    SessionBroken,
    StatusError,
    WrongCan,
    WrongMrz,
    WrongPassword,
    WrongPin,
)
from agent.capture.chip.faces import FaceImage
from agent.capture.chip.identity import CardAccessNumber, MrzInformation, Pin, Puk, QrData, parse_qr
from agent.capture.chip.judging import ChipPolicy, ChipResult, Holder
from agent.capture.chip.reader import read_chip
from agent.capture.chip.trust import TrustAnchors

__all__ = [
    "CITIZEN_CARD",
    "PROFILES",
    "TRAVEL_DOCUMENT",
    "AccessDenied",
    "CardAccessNumber",
    "ChipDataError",
    "ChipError",
    "ChipPolicy",
    "ChipResult",
    "DocumentProfile",
    "FaceImage",
    "Holder",
    "MrzInformation",
    "NotANumber",
    "NotAPin",
    "NotAnMrz",
    "Pin",
    "Puk",
    "QrData",
    "QrUnreadable",
    "RecordBinding",
    "SessionBroken",
    "StatusError",
    "TrustAnchors",
    "WrongCan",
    "WrongMrz",
    "WrongPassword",
    "WrongPin",
    "parse_qr",
    "read_chip",
]
