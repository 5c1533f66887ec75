"""The card access number, and where it comes from: the 12-digit personal number or the card's QR text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.capture.chip.errors import ChipDataError, NotAnMrz, NotANumber, NotAPin, QrUnreadable
from agent.capture.chip.mrz import Mrz

CITIZEN_DIGITS = re.compile(r"[0-9]{12}")
_ACCESS_NUMBER = re.compile(r"[0-9]{6}")
_MRZ_INFORMATION = re.compile(r"[0-9A-Z<]{9,30}[0-9]([0-9<]{6}[0-9]){2}")
_PIN = re.compile(r"[0-9]{5,16}")
MIN_QR_FIELDS = 7


@dataclass(frozen=True, slots=True)
class CardAccessNumber:
    """Six digits that open the chip; on the CCCD the last six of the personal number. Raises NotANumber."""

    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _ACCESS_NUMBER.fullmatch(self.digits):
            raise NotANumber

    @classmethod
    def from_number(cls, number: str) -> CardAccessNumber:
        """Take the last six of 12 digits; raise NotANumber."""
        if not CITIZEN_DIGITS.fullmatch(number):
            raise NotANumber
        return cls(number[-6:])


@dataclass(frozen=True, slots=True)
class MrzInformation:
    """Document number, birth date and expiry date, each with its check digit (Doc 9303-11, 9.7.2). Raises NotAnMrz."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _MRZ_INFORMATION.fullmatch(self.text):
            raise NotAnMrz

    @classmethod
    def from_lines(cls, text: str) -> MrzInformation:
        """Take the lines of a zone as typed or scanned; raise NotAnMrz, naming the check digits that are wrong."""
        try:
            mrz = Mrz.parse("".join(text.split()))
        except ChipDataError as error:
            raise NotAnMrz from error
        wrong = [name for name in mrz.wrong_digits if name in ("document_number", "birth_date", "expiry_date")]
        if wrong:
            raise NotAnMrz(f"check digit of {', '.join(wrong)}")
        return cls(mrz.information)


@dataclass(frozen=True, slots=True)
class Pin:
    """The holder's secret number; chips block it after a few wrong ones. Raises NotAPin."""

    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _PIN.fullmatch(self.digits):
            raise NotAPin


@dataclass(frozen=True, slots=True)
class Puk:
    """The number that unblocks a PIN. Raises NotAPin."""

    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _PIN.fullmatch(self.digits):
            raise NotAPin


@dataclass(frozen=True, slots=True)
class QrData:
    """The card's QR text: number|old number|full name|birth date|sex|residence|issue date, more kept as they are."""

    number: str = field(repr=False)
    fields: tuple[str, ...] = field(repr=False)


def parse_qr(text: str) -> QrData:
    """Parse the QR text; raise QrUnreadable when it has fewer than seven fields or no 12-digit number."""
    fields = tuple(text.strip().split("|"))
    if len(fields) < MIN_QR_FIELDS or not CITIZEN_DIGITS.fullmatch(fields[0]):
        raise QrUnreadable(f"{len(fields)} fields")
    return QrData(fields[0], fields)
