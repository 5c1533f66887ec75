"""What opens a chip, from whatever was typed or scanned."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_mocks.chip_card.mrz import passport_information, td1, td3
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import CardAccessNumber, ChipError, MrzInformation, NotAnMrz, NotANumber, QrUnreadable
from agent.capture.chip.sources import Source, collect_scan, from_mrz, parse_scan

NUMBER = DEFAULT_PERSON.number
CAN = CardAccessNumber(DEFAULT_PERSON.can)
QR = f"{NUMBER}|123456789|Nguyễn Văn A|01011990|Nam|Hà Nội|01012022"


def lines_of(text: str) -> Callable[[], str]:
    """Return what gives a scanner's lines one by one, and fails at one too many."""
    left = iter(text.split("\n"))
    return lambda: next(left)


class TestScans:
    """A scanner that poses as a keyboard."""

    def test_qr_text_gives_number_and_access_number(self) -> None:
        """Its first field."""
        assert parse_scan(QR + "\n") == Source("qr", CAN, NUMBER)

    def test_more_fields_than_known_are_accepted(self) -> None:
        """Newer cards may have them."""
        assert parse_scan(QR + "|x|y").number == NUMBER

    def test_twelve_digits_and_six_digits(self) -> None:
        """The number on the card, or the last six."""
        assert parse_scan(NUMBER) == Source("number", CAN, NUMBER)
        assert parse_scan(f" {DEFAULT_PERSON.can} ") == Source("can", CAN, None)

    def test_a_citizen_cards_zone_has_the_number_too(self) -> None:
        """Three lines of thirty."""
        source = parse_scan("\n".join(td1(DEFAULT_PERSON)))
        assert (source.origin, source.number) == ("mrz", NUMBER)
        assert isinstance(source.key, MrzInformation)

    def test_a_passports_zone_is_its_key(self) -> None:
        """Two lines of forty-four."""
        source = parse_scan("\n".join(td3(DEFAULT_PERSON)))
        assert source.zone == source.key == MrzInformation(passport_information(DEFAULT_PERSON))

    @pytest.mark.parametrize("text", [QR, NUMBER, "\n".join(td1(DEFAULT_PERSON)), "\n".join(td3(DEFAULT_PERSON))])
    def test_a_scan_takes_as_many_lines_as_it_has(self, text: str) -> None:
        """And asks for none beyond."""
        assert collect_scan(lines_of(text)) == text

    def test_a_number_of_thirty_digits_is_no_zone(self) -> None:
        """Only a zone's first line waits for others."""
        assert collect_scan(lines_of("1" * 30)) == "1" * 30


class TestHostileScans:
    """Any text."""

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("", NotANumber),
            ("12345", NotANumber),
            ("٠٠١٠٨٥٠٠٠٠١٧", NotANumber),
            ("|" * 7, QrUnreadable),
            (f"{NUMBER}|only|three", QrUnreadable),
            ("<" * 90, NotAnMrz),
            ("IDVNM<<<", NotAnMrz),
        ],
    )
    def test_what_is_nothing_is_refused(self, text: str, error: type[ChipError]) -> None:
        """By its own name."""
        with pytest.raises(error):
            parse_scan(text)

    @pytest.mark.parametrize("place", [15, 26, 29])
    def test_a_misread_digit_of_the_number_is_refused(self, place: int) -> None:
        """Position 30 covers the twelve digits."""
        zone = list("".join(td1(DEFAULT_PERSON)))
        zone[place] = str((int(zone[place]) + 1) % 10)
        with pytest.raises(NotAnMrz, match="personal_number"):
            from_mrz("".join(zone))

    @given(st.text(alphabet="0123456789ABCIDVNM<|\n ", max_size=100))
    def test_any_text_is_a_source_or_our_error(self, text: str) -> None:
        """And what is accepted opens a chip with what it says."""
        try:
            source = parse_scan(text)
        except ChipError:
            return
        assert source.origin in ("qr", "mrz", "number", "can")
