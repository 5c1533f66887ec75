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
    QrNotFound,
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
from agent.capture.chip.optional_data import OPTIONAL_GROUPS, OptionalData
from agent.capture.chip.passwords import AccessKey
from agent.capture.chip.reader import read_chip
from agent.capture.chip.sources import Source, collect_scan, parse_scan
from agent.capture.chip.trust import TrustAnchors

__all__ = [
    "CITIZEN_CARD",
    "OPTIONAL_GROUPS",
    "PROFILES",
    "TRAVEL_DOCUMENT",
    "AccessDenied",
    "AccessKey",
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
    "OptionalData",
    "Pin",
    "Puk",
    "QrData",
    "QrNotFound",
    "QrUnreadable",
    "RecordBinding",
    "SessionBroken",
    "Source",
    "StatusError",
    "TrustAnchors",
    "WrongCan",
    "WrongMrz",
    "WrongPassword",
    "WrongPin",
    "collect_scan",
    "parse_qr",
    "parse_scan",
    "read_chip",
]
