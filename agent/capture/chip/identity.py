"""The card access number, and where it comes from: the 12-digit personal number or the card's QR text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.capture.chip.errors import NotANumber, QrUnreadable

_NUMBER = re.compile(r"[0-9]{12}")
MIN_QR_FIELDS = 7


@dataclass(frozen=True, slots=True)
class CardAccessNumber:
    """Six digits that open the chip; on the CCCD the last six of the personal number."""

    digits: str = field(repr=False)

    @classmethod
    def from_number(cls, number: str) -> CardAccessNumber:
        """Take the last six of 12 digits; raise NotANumber."""
        if not _NUMBER.fullmatch(number):
            raise NotANumber
        return cls(number[-6:])

    @classmethod
    def from_qr(cls, text: str) -> CardAccessNumber:
        """Take the number from the QR text; raise QrUnreadable."""
        return cls.from_number(parse_qr(text).number)


@dataclass(frozen=True, slots=True)
class QrData:
    """The card's QR text: number|old number|full name|birth date|sex|residence|issue date, more kept as they are."""

    number: str = field(repr=False)
    fields: tuple[str, ...] = field(repr=False)


def parse_qr(text: str) -> QrData:
    """Parse the QR text; raise QrUnreadable when it has fewer than seven fields or no 12-digit number."""
    fields = tuple(text.strip().split("|"))
    if len(fields) < MIN_QR_FIELDS or not _NUMBER.fullmatch(fields[0]):
        raise QrUnreadable(f"{len(fields)} fields")
    return QrData(fields[0], fields)
