"""Where the access key comes from: the card's QR text, the lines of its zone, its number; typed, scanned or known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.capture.chip.errors import ChipDataError, NotAnMrz, NotANumber
from agent.capture.chip.identity import CITIZEN_DIGITS, CardAccessNumber, MrzInformation, parse_qr
from agent.capture.chip.mrz import CITIZEN_NUMBER, Mrz
from agent.capture.chip.passwords import AccessKey

# A zone's first line: how long it is tells how many there are (Doc 9303-4 to -6).
_LINES = {30: 3, 36: 2, 44: 2}
_ZONE_LINE = re.compile(r"[A-Z][0-9A-Z<]+")
_WHOLE_ZONES = frozenset({72, 88, 90})


@dataclass(frozen=True, slots=True)
class Source:
    """What opens a chip, and the 12-digit number when that is known, to be held against the chip's.

    `origin` says where both come from: qr, mrz, number, can, pin or puk. `zone` is a zone's own key, None without one.
    """

    origin: str
    key: AccessKey = field(repr=False)
    number: str | None = field(repr=False, default=None)
    zone: MrzInformation | None = field(repr=False, default=None)


def from_number(number: str) -> Source:
    """Take 12 digits as printed on the card; raise NotANumber."""
    return Source("number", CardAccessNumber.from_number(number), number)


def from_qr(text: str) -> Source:
    """Take the QR text; raise QrUnreadable."""
    number = parse_qr(text).number
    return Source("qr", CardAccessNumber.from_number(number), number)


def from_mrz(text: str) -> Source:
    """Take the lines of a zone; raise NotAnMrz, also for wrong check digits."""
    zone = MrzInformation.from_lines(text)
    try:
        mrz = Mrz.parse("".join(text.split()))
    except ChipDataError as error:
        raise NotAnMrz from error
    number = mrz.personal_number if CITIZEN_DIGITS.fullmatch(mrz.personal_number) else None
    if number is not None and "personal_number" in mrz.wrong_digits:
        raise NotAnMrz("check digit of personal_number")
    return Source("mrz", zone, number, zone)


def parse_scan(text: str) -> Source:
    """Take what a scanner that poses as a keyboard typed, or a person: QR text, a zone, 12 digits or the last six.

    Raises QrUnreadable, NotAnMrz or NotANumber.
    """
    text = text.strip()
    if "|" in text:
        return from_qr(text)
    if len("".join(text.split())) in _WHOLE_ZONES or "<" in text:
        return from_mrz(text)
    if len(text) == CITIZEN_NUMBER:
        return from_number(text)
    try:
        return Source("can", CardAccessNumber(text))
    except NotANumber:
        raise NotANumber("neither QR text, zone, 12 digits nor 6") from None


def collect_scan(read_line: Callable[[], str]) -> str:
    """Return one scan: a line, or all lines of a zone when the first is one of its lines.

    `read_line` gives a line without its end; it is asked again only for a zone.
    """
    lines = [read_line().strip()]
    wanted = _LINES.get(len(lines[0]), 1) if _ZONE_LINE.fullmatch(lines[0]) else 1
    while len(lines) < wanted:
        lines.append(read_line().strip())
    return "\n".join(lines)
