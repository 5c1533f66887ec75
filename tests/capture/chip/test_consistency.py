from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.capture.chip.consistency import check_consistency
from agent.capture.chip.lds import CitizenData
from agent.capture.chip.mrz import Mrz, check_digit
from agent.capture.evidence import Verdict

NUMBER = "001199000017"
DG13 = {1: NUMBER, 3: "01/01/1999", 4: "Nữ"}


def zone(number: str = NUMBER, document: str = "199000017", birth: str = "990101", sex: str = "F") -> Mrz:
    """Parse a zone of these fields whose check digits are all right."""
    upper = f"IDVNM{document}{check_digit(document)}{number}<<{check_digit(number)}"
    middle = f"{birth}{check_digit(birth)}{sex}3901016VNM<<<<<<<<<<<"
    composite = check_digit(upper[5:] + middle[:7] + middle[8:15] + middle[18:29])
    return Mrz.parse(f"{upper}{middle}{composite}NGUYEN<<THI<MAU<<<<<<<<<<<<<<<")


def test_a_card_that_agrees_with_itself_passes() -> None:
    """Number, document number, birth date, sex, in DG1 and DG13 and as given."""
    assert check_consistency(zone(), CitizenData(DG13), NUMBER).verdict is Verdict.PASSED
    assert check_consistency(zone(), CitizenData({}), None).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("mrz", "fields", "given", "named"),
    [
        (zone(), DG13, "001199000018", "number given and DG1"),
        (zone(), {**DG13, 1: "001199000018"}, NUMBER, "number in DG13 and DG1"),
        (zone(), {**DG13, 3: "02/01/1999"}, NUMBER, "birth date in DG13 and DG1"),
        (zone(), {**DG13, 3: "01/01/1899"}, NUMBER, "birth date in DG13 and DG1"),
        (zone(), {**DG13, 4: "Nam"}, NUMBER, "sex in DG13 and DG1"),
        (zone(document="199000018"), DG13, NUMBER, "document number and personal number"),
        (zone(birth="980101"), {}, NUMBER, "birth year and personal number"),
        (zone(sex="M"), {}, NUMBER, "sex and personal number"),
        (zone(number="00119900001<"), {}, None, "personal number is not 12 digits"),
    ],
)
def test_each_difference_is_named(mrz: Mrz, fields: Mapping[int, str], given: str, named: str) -> None:
    """By what differs, never by the values."""
    check = check_consistency(mrz, CitizenData(fields), given)
    assert check.verdict is Verdict.FAILED
    assert named in check.reason
    assert not any(value in check.reason for value in (NUMBER, "1999", "Nam,"))


def test_wrong_check_digits_are_named() -> None:
    """Of the machine-readable zone."""
    text = "IDVNM1990000174001199000017<<49901018F3901016VNM<<<<<<<<<<<0NGUYEN<<THI<MAU<<<<<<<<<<<<<<<"
    check = check_consistency(Mrz.parse(text), CitizenData(DG13), NUMBER)
    assert "check digit of document_number" in check.reason


@pytest.mark.parametrize(
    "shown", ["1/1/1999", "01-01-1999", "01.01.1999", " 01/01/1999 ", "1999", "", "ngày 1 tháng 1"]
)
def test_dates_in_other_words_prove_nothing(shown: str) -> None:
    """DG13's dates are texts for people: an equal one passes, an unknown form is no difference."""
    assert check_consistency(zone(), CitizenData({**DG13, 3: shown}), NUMBER).verdict is Verdict.PASSED


def test_an_unspecified_sex_contradicts_nothing() -> None:
    """X, or a filler, in the machine-readable zone."""
    assert check_consistency(zone(sex="<"), CitizenData(DG13), NUMBER).verdict is Verdict.PASSED
