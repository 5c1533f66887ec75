"""The machine-readable zone of a TD1 card in DG1 (Doc 9303-5; check digits Doc 9303-3, 4.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from agent.capture.chip.errors import ChipDataError

LINE = 30
_VALUES = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
_WEIGHTS = (7, 3, 1)


def check_digit(text: str) -> str:
    """Return the check digit over digits, capital letters and fillers."""
    return str(sum(_VALUES[c] * _WEIGHTS[i % 3] for i, c in enumerate(text)) % 10)


@dataclass(frozen=True, slots=True)
class Mrz:
    """The fields of three lines of 30; texts keep no fillers. `wrong_digits` names the check digits that do not fit."""

    document_number: str = field(repr=False)
    personal_number: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: str = field(repr=False)
    surname: str = field(repr=False)
    given_names: str = field(repr=False)
    wrong_digits: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Mrz:
        """Parse 90 characters; raise ChipDataError when they are not a TD1's."""
        if len(text) != 3 * LINE or not set(text) <= set(_VALUES):
            raise ChipDataError("DG1 is not a TD1 machine-readable zone")
        upper, middle, lower = text[:LINE], text[LINE : 2 * LINE], text[2 * LINE :]
        surname, _, given = lower.partition("<<")
        personal = upper[15:27]
        return cls(
            document_number=upper[5:14].rstrip("<"),
            personal_number=personal.rstrip("<"),
            birth_date=_birth_date(middle[:6], personal),
            sex=middle[7],
            surname=_spaced(surname),
            given_names=_spaced(given),
            wrong_digits=_wrong_digits(upper, middle),
        )

    @property
    def full_name(self) -> str:
        """Surname and given names, without diacritics."""
        return f"{self.surname} {self.given_names}".strip()


def _wrong_digits(upper: str, middle: str) -> tuple[str, ...]:
    composite = upper[5:30] + middle[:7] + middle[8:15] + middle[18:29]
    expected = {
        "document_number": (upper[5:14], upper[14]),
        "birth_date": (middle[:6], middle[6]),
        "expiry_date": (middle[8:14], middle[14]),
        # The CCCD puts a check digit over the 12 digits at position 30 of the first line.
        "personal_number": (upper[15:27], upper[29]),
        "composite": (composite, middle[29]),
    }
    return tuple(name for name, (text, digit) in expected.items() if check_digit(text) != digit)


def _birth_date(six: str, personal: str) -> date:
    """YYMMDD; the century is in the fourth digit of the personal number (1900 + 100 * (d // 2))."""
    if not re.fullmatch(r"[0-9]{6}", six):
        raise ChipDataError("birth date in DG1")
    century = 1900 + 100 * (int(personal[3]) // 2) if personal[3].isdigit() else 1900
    try:
        return date(century + int(six[:2]), int(six[2:4]), int(six[4:6]))
    except ValueError as error:
        raise ChipDataError("birth date in DG1") from error


def _spaced(text: str) -> str:
    return " ".join(text.replace("<", " ").split())
