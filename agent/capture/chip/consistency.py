"""Whether the chip agrees with itself and with the number that the person gave."""

from __future__ import annotations

import re

from agent.capture.chip.lds import CitizenData
from agent.capture.chip.mrz import Mrz
from agent.capture.evidence import Check, Verdict

_SHOWN_DATE = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_SEXES = {"Nam": "M", "Nữ": "F"}


def check_consistency(
    mrz: Mrz, citizen: CitizenData, expected_number: str | None, *, personal_number: bool = True
) -> Check:
    """Compare check digits, number, document number, birth date and sex; name what differs, never the values.

    `personal_number` says whether the document is one with Vietnam's 12-digit number.
    """
    wrong = [f"check digit of {name}" for name in mrz.wrong_digits]
    number = mrz.personal_number
    if expected_number is not None and number != expected_number:
        wrong.append("number given and DG1")
    if not personal_number:
        pass
    elif len(number) != 12 or not number.isdigit():
        wrong.append("personal number is not 12 digits")
    else:
        wrong += _number_against_mrz(number, mrz)
    if citizen.text(1) and citizen.text(1) != number:
        wrong.append("number in DG13 and DG1")
    shown = _shown_date(citizen.text(3))
    born = mrz.birth_date
    if shown is not None and born is not None and shown != (born.day, born.month, born.year):
        wrong.append("birth date in DG13 and DG1")
    if citizen.text(4) in _SEXES and mrz.sex in ("M", "F") and _SEXES[citizen.text(4)] != mrz.sex:
        wrong.append("sex in DG13 and DG1")
    if wrong:
        return Check("data_consistency", Verdict.FAILED, f"differs: {', '.join(wrong)}")
    return Check("data_consistency", Verdict.PASSED)


def _shown_date(text: str) -> tuple[int, int, int] | None:
    """Return day, month and year of a date as DG13 shows it; None for any other form, which proves nothing."""
    found = _SHOWN_DATE.fullmatch(text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _number_against_mrz(number: str, mrz: Mrz) -> list[str]:
    wrong = []
    if mrz.document_number != number[-9:]:
        wrong.append("document number and personal number")
    if mrz.birth_date is None or f"{mrz.birth_date.year % 100:02d}" != number[4:6]:
        wrong.append("birth year and personal number")
    # The fourth digit tells century and sex: even is male, odd is female.
    if mrz.sex in ("M", "F") and (mrz.sex == "F") != bool(int(number[3]) % 2):
        wrong.append("sex and personal number")
    return wrong
