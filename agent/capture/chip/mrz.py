"""Machine-readable zones: TD1, TD2 and TD3 (Doc 9303-4, -5, -6; check digits Doc 9303-3, 4.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from agent.capture.chip.errors import ChipDataError

_VALUES = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
_WEIGHTS = (7, 3, 1)
_DIGITS = frozenset("0123456789")
CITIZEN_NUMBER = 12
VIETNAM = "VNM"


class MrzFormat(StrEnum):
    """The size of the document, and with it of the zone."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"


# Lines and their length.
_SIZES = {90: (MrzFormat.TD1, 30), 72: (MrzFormat.TD2, 36), 88: (MrzFormat.TD3, 44)}


def check_digit(text: str) -> str:
    """Return the check digit over digits, capital letters and fillers."""
    return str(sum(_VALUES[c] * _WEIGHTS[i % 3] for i, c in enumerate(text)) % 10)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The fields as they stand in the lines, fillers included, and every check digit with what it covers."""

    code: str
    issuer: str
    number: str
    birth: str
    sex: str
    expiry: str
    nationality: str
    optional: tuple[str, ...]
    name: str
    digits: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mrz:
    """The fields of a zone; texts keep no fillers. `wrong_digits` names the check digits that do not fit.

    `personal_number` is the 12-digit number of a Vietnamese TD1, else the optional data. `birth_date` and
    `expiry_date` are None where the document leaves them out, in part or whole. `information` is what BAC and PACE
    derive keys from. A name that fills its field to the end may be cut off: `name_truncated`.
    """

    format: MrzFormat
    document_code: str = field(repr=False)
    issuer: str = field(repr=False)
    document_number: str = field(repr=False)
    personal_number: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    expiry_date: date | None = field(repr=False)
    sex: str = field(repr=False)
    nationality: str = field(repr=False)
    surname: str = field(repr=False)
    given_names: str = field(repr=False)
    name_truncated: bool = field(repr=False)
    optional_data: tuple[str, ...] = field(repr=False)
    wrong_digits: tuple[str, ...]
    information: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, today: date | None = None) -> Mrz:
        """Parse all characters of a zone; raise ChipDataError when they are none.

        `today` decides about centuries where no personal number tells: nobody is born tomorrow.
        """
        if len(text) not in _SIZES or not set(text) <= set(_VALUES):
            raise ChipDataError("not a machine-readable zone of TD1, TD2 or TD3")
        kind, length = _SIZES[len(text)]
        lines = [text[at : at + length] for at in range(0, len(text), length)]
        layout = _LAYOUTS[kind](lines)
        surname, _, given = layout.name.partition("<<")
        personal = _personal_number(kind, layout)
        number = layout.digits["document_number"]
        return cls(
            format=kind,
            document_code=layout.code.rstrip("<"),
            issuer=layout.issuer.rstrip("<"),
            document_number=number[0].rstrip("<"),
            personal_number=personal,
            birth_date=_birth_date(layout, personal, today or date.today()),
            expiry_date=_expiry_date(layout.expiry),
            sex=layout.sex,
            nationality=layout.nationality.rstrip("<"),
            surname=_spaced(surname),
            given_names=_spaced(given),
            name_truncated=not layout.name.endswith("<"),
            optional_data=tuple(_spaced(data) for data in layout.optional),
            wrong_digits=tuple(name for name, (of, digit) in layout.digits.items() if not _fits(of, digit)),
            information="".join(
                of + digit for of, digit in (number, layout.digits["birth_date"], layout.digits["expiry_date"])
            ),
        )

    @property
    def full_name(self) -> str:
        """Surname and given names, without diacritics."""
        return f"{self.surname} {self.given_names}".strip()


def _td1(lines: list[str]) -> _Layout:
    upper, middle, name = lines
    digits = _common(upper[5:14], upper[14], middle, upper[15:30])
    if upper[2:5] == VIETNAM:
        # The CCCD puts a check digit over the 12 digits at position 30 of the first line.
        digits["personal_number"] = (upper[15:27], upper[29])
    digits["composite"] = (upper[5:30] + middle[:7] + middle[8:15] + middle[18:29], middle[29])
    optional = (upper[15:30], middle[18:29])
    birth, sex, expiry, nation = middle[:6], middle[7], middle[8:14], middle[15:18]
    return _Layout(upper[:2], upper[2:5], upper[5:14], birth, sex, expiry, nation, optional, name, digits)


def _td2(lines: list[str]) -> _Layout:
    upper, lower = lines
    digits = _common(lower[:9], lower[9], lower[13:], lower[28:35])
    digits["composite"] = (lower[:10] + lower[13:20] + lower[21:35], lower[35])
    birth, sex, expiry = lower[13:19], lower[20], lower[21:27]
    optional = (lower[28:35],)
    return _Layout(upper[:2], upper[2:5], lower[:9], birth, sex, expiry, lower[10:13], optional, upper[5:], digits)


def _td3(lines: list[str]) -> _Layout:
    upper, lower = lines
    digits = _common(lower[:9], lower[9], lower[13:], "")
    digits["personal_number"] = (lower[28:42], lower[42])
    digits["composite"] = (lower[:10] + lower[13:20] + lower[21:43], lower[43])
    birth, sex, expiry = lower[13:19], lower[20], lower[21:27]
    optional = (lower[28:42],)
    return _Layout(upper[:2], upper[2:5], lower[:9], birth, sex, expiry, lower[10:13], optional, upper[5:], digits)


_LAYOUTS = {MrzFormat.TD1: _td1, MrzFormat.TD2: _td2, MrzFormat.TD3: _td3}


def _common(number: str, digit: str, dates: str, optional: str) -> dict[str, tuple[str, str]]:
    """Return the check digits of document number, birth and expiry date; `dates` begins at the birth date."""
    rest = optional.split("<", maxsplit=1)[0]
    if digit == "<" and len(rest) > 1:
        # A number of more than nine characters goes on in the optional data, its digit behind it (9303-5, note j).
        number, digit = number + rest[:-1], rest[-1]
    return {
        "document_number": (number, digit),
        "birth_date": (dates[:6], dates[6]),
        "expiry_date": (dates[8:14], dates[14]),
    }


def _fits(text: str, digit: str) -> bool:
    """Say whether a check digit is right; an empty field may have a filler in its place."""
    return digit == check_digit(text) or (digit == "<" and not text.strip("<"))


def _personal_number(kind: MrzFormat, layout: _Layout) -> str:
    if kind is MrzFormat.TD1 and layout.issuer == VIETNAM:
        return layout.optional[0][:CITIZEN_NUMBER].rstrip("<")
    return layout.optional[0].rstrip("<")


def _birth_date(layout: _Layout, personal: str, today: date) -> date | None:
    """YYMMDD; Vietnam's personal number has the century in its fourth digit (1900 + 100 * (d // 2))."""
    six = layout.birth
    if not set(six) <= _DIGITS:
        _left_out(six, "birth date")
        return None
    if layout.issuer == VIETNAM and len(personal) == CITIZEN_NUMBER and personal[3].isdigit():
        return _date(1900 + 100 * (int(personal[3]) // 2), six, "birth date")
    born = _date(2000, six, "birth date")
    return born if born <= today else _date(1900, six, "birth date")


def _expiry_date(six: str) -> date | None:
    """YYMMDD of this century: chips are younger than it."""
    if not set(six) <= _DIGITS:
        _left_out(six, "expiry date")
        return None
    return _date(2000, six, "expiry date")


def _left_out(six: str, what: str) -> None:
    """Accept fillers for whole parts of a date (9303-3, 4.8); raise ChipDataError for anything else."""
    for part in (six[:2], six[2:4], six[4:]):
        if part != "<<" and not set(part) <= _DIGITS:
            raise ChipDataError(f"{what} in DG1")


def _date(century: int, six: str, what: str) -> date:
    try:
        return date(century + int(six[:2]), int(six[2:4]), int(six[4:]))
    except ValueError as error:
        raise ChipDataError(f"{what} in DG1") from error


def _spaced(text: str) -> str:
    return " ".join(text.replace("<", " ").split())
