"""The TD1 machine readable zone of a citizen card (ICAO Doc 9303-5, 4.2, with the card's own personal number)."""

from __future__ import annotations

import unicodedata
from datetime import date

from firmware_mocks.chip_card.profile import Person

LINE = 30


def check_digit(text: str) -> str:
    """Compute the 7-3-1 check digit of ICAO Doc 9303-3, 4.9."""
    total = sum(_value(character) * (7, 3, 1)[index % 3] for index, character in enumerate(text))
    return str(total % 10)


def _value(character: str) -> int:
    return 0 if character == "<" else int(character, 36)


def romanise(name: str) -> str:
    """Write Vietnamese letters as A-Z (ICAO Doc 9303-3, 6: the base letter; Đ as D), other signs as blanks."""
    base = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    letters = [c for c in base if not unicodedata.combining(c)]
    return " ".join("".join(c if "A" <= c <= "Z" else " " for c in letters).split())


def td1(person: Person) -> tuple[str, str, str]:
    """Return three lines of 30 characters, position 30 of the first being the check digit over the 12-digit number."""
    document = person.document_number + check_digit(person.document_number)
    first = f"IDVNM{document}{person.number}<<{check_digit(person.number)}"
    birth, expiry = _dated(person.birth_date), _dated(person.expiry_date)
    composite = check_digit(first[5:] + birth + expiry + "<" * 11)
    second = f"{birth}{person.sex}{expiry}VNM{'<' * 11}{composite}"
    return first, second, _name(person.full_name)


def td3(person: Person) -> tuple[str, str]:
    """Return a passport's two lines of 44 characters, the 12-digit number as optional data (Doc 9303-4, 4.2)."""
    document = passport_number(person)
    birth, expiry = _dated(person.birth_date), _dated(person.expiry_date)
    personal = person.number.ljust(14, "<")
    personal += check_digit(personal)
    head = document + check_digit(document)
    composite = check_digit(head + birth + expiry + personal)
    surname, _, given = romanise(person.full_name).partition(" ")
    names = f"{surname}<<{given.replace(' ', '<')}"[:39].ljust(39, "<")
    return f"P<VNM{names}", f"{head}VNM{birth}{person.sex}{expiry}{personal}{composite}"


def passport_number(person: Person) -> str:
    """Make a document number of a letter and eight digits."""
    return "C" + person.number[-8:]


def passport_information(person: Person) -> str:
    """Return what BAC and PACE derive keys from, of a passport."""
    document = passport_number(person)
    return document + check_digit(document) + _dated(person.birth_date) + _dated(person.expiry_date)


def information(person: Person) -> str:
    """Return the MRZ information that BAC and PACE derive keys from (ICAO Doc 9303-11, 9.7.2)."""
    document = person.document_number + check_digit(person.document_number)
    return document + _dated(person.birth_date) + _dated(person.expiry_date)


def _dated(day: date | None) -> str:
    text = f"{day:%y%m%d}" if day else "<" * 6
    return text + check_digit(text)


def _name(full_name: str) -> str:
    surname, _, given = romanise(full_name).partition(" ")
    return f"{surname}<<{given.replace(' ', '<')}"[:LINE].ljust(LINE, "<")
