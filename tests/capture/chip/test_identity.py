from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import CardAccessNumber, NotANumber, QrUnreadable, parse_qr

QR = "001199000017|012345678|Nguyễn Thị Mẫu|01011999|Nữ|Số 5 ngõ 12 phố Huế, Hà Nội|15072024"


def test_the_access_number_is_the_last_six_digits() -> None:
    """Of the number as printed on the card."""
    assert CardAccessNumber.from_number("001199000017").digits == "000017"


def test_nothing_personal_is_printed() -> None:
    """Neither number nor name."""
    assert repr(CardAccessNumber("000017")) == "CardAccessNumber()"
    assert repr(parse_qr(QR)) == "QrData()"


@pytest.mark.parametrize("number", ["", "00119900001", "0011990000170", "00119900001a", " 01199000017", "٠٠١١٩٩٠٠٠٠١٧"])
def test_what_is_not_twelve_digits_is_refused(number: str) -> None:
    """Too short, too long, letters, blanks, another script's digits."""
    with pytest.raises(NotANumber) as caught:
        CardAccessNumber.from_number(number)
    assert caught.value.detail == ""


@pytest.mark.parametrize("digits", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"])
def test_an_access_number_has_six_digits(digits: str) -> None:
    """However it is made."""
    with pytest.raises(NotANumber):
        CardAccessNumber(digits)


def test_all_fields_are_kept() -> None:
    """The seven that are known, an empty old number, and whatever newer cards add."""
    assert parse_qr(QR).fields[2:5] == ("Nguyễn Thị Mẫu", "01011999", "Nữ")
    newer = parse_qr(QR.replace("012345678", "") + "|x||y\r\n")
    assert newer.fields[1] == ""
    assert newer.fields[7:] == ("x", "", "y")
    assert newer.number == "001199000017"


@pytest.mark.parametrize(
    "text", ["", "001199000017", QR.rsplit("|", 1)[0], QR[1:], "x" + QR, "https://example.org/?q=1"]
)
def test_other_texts_are_no_citizen_card(text: str) -> None:
    """Too few fields, a number that is none, another QR code."""
    with pytest.raises(QrUnreadable):
        parse_qr(text)


@given(st.text(max_size=100))
def test_the_error_does_not_repeat_the_text(text: str) -> None:
    """Details go to logs."""
    with pytest.raises(QrUnreadable) as caught:
        parse_qr(text)
    assert caught.value.detail == f"{len(text.strip().split('|'))} fields"
