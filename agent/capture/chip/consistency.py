"""Whether the chip agrees with itself and with the number that the person gave."""

from __future__ import annotations

from agent.capture.chip.lds import CitizenData
from agent.capture.chip.mrz import Mrz
from agent.capture.evidence import Check, Verdict


def check_consistency(mrz: Mrz, citizen: CitizenData, expected_number: str | None) -> Check:
    """Compare check digits, number, document number, birth date and sex; name what differs, never the values."""
    wrong = [f"check digit of {name}" for name in mrz.wrong_digits]
    number = mrz.personal_number
    if expected_number is not None and number != expected_number:
        wrong.append("number given and DG1")
    if len(number) != 12 or not number.isdigit():
        wrong.append("personal number is not 12 digits")
    else:
        wrong += _number_against_mrz(number, mrz)
    if citizen.text(1) and citizen.text(1) != number:
        wrong.append("number in DG13 and DG1")
    if citizen.text(3) and citizen.text(3) != mrz.birth_date.strftime("%d/%m/%Y"):
        wrong.append("birth date in DG13 and DG1")
    if wrong:
        return Check("data_consistency", Verdict.FAILED, f"differs: {', '.join(wrong)}")
    return Check("data_consistency", Verdict.PASSED)


def _number_against_mrz(number: str, mrz: Mrz) -> list[str]:
    wrong = []
    if mrz.document_number != number[-9:]:
        wrong.append("document number and personal number")
    if f"{mrz.birth_date.year % 100:02d}" != number[4:6]:
        wrong.append("birth year and personal number")
    # The fourth digit tells century and sex: even is male, odd is female.
    if mrz.sex in ("M", "F") and (mrz.sex == "F") != bool(int(number[3]) % 2):
        wrong.append("sex and personal number")
    return wrong
