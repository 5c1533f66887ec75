from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError
from agent.capture.chip.mrz import Mrz, MrzFormat, check_digit

GOOD = "IDVNM1990000173001199000017<<49901018F3901016VNM<<<<<<<<<<<0NGUYEN<<THI<MAU<<<<<<<<<<<<<<<"
TODAY = date(2026, 6, 1)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"


def replaced(position: int, text: str) -> str:
    """Return the good zone with other characters at a position counted from 0."""
    return GOOD[:position] + text + GOOD[position + len(text) :]


def test_the_synthetic_citizen_card(vector: Callable[[str], dict[str, Any]]) -> None:
    """Every field, and every check digit, position 30 among them."""
    card = vector("mrz_td1_cccd_synthetic")
    mrz = Mrz.parse("".join(card["lines"]))
    assert mrz.document_number == card["document_number"]
    assert mrz.personal_number == card["personal_number"]
    assert (mrz.birth_date, mrz.sex) == (date(1999, 1, 1), "F")
    assert (mrz.surname, mrz.given_names, mrz.full_name) == ("NGUYEN", "THI MAU", "NGUYEN THI MAU")
    assert mrz.wrong_digits == ()


def test_the_standards_own_specimen() -> None:
    """Doc 9303-5, B: every digit fits; at position 30 only Vietnam has one."""
    mrz = Mrz.parse("I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
    assert (mrz.document_number, mrz.surname, mrz.given_names) == ("D23145890", "ERIKSSON", "ANNA MARIA")
    assert mrz.birth_date == date(1974, 8, 12)
    assert mrz.wrong_digits == ()


def test_names_of_several_words(vector: Callable[[str], dict[str, Any]]) -> None:
    """A Dutch specimen, whose composite digit was not made anew when its number was changed."""
    mrz = Mrz.parse("".join(vector("mrz_icao_specimens")["td1_nl_specimen"]))
    assert (mrz.surname, mrz.given_names) == ("VAN DER STEEN", "MARIANNE LOUISE")
    assert set(mrz.wrong_digits) == {"composite"}


@pytest.mark.parametrize(
    ("text", "digit"), [("D23145890", "7"), ("340712", "7"), ("950712", "2"), ("L898902C3", "6"), ("<<<<<<", "0")]
)
def test_check_digits_of_the_specimens(text: str, digit: str) -> None:
    """Doc 9303-3, 4.9."""
    assert check_digit(text) == digit


@pytest.mark.parametrize(
    ("position", "text", "names"),
    [
        (5, "2", {"document_number", "composite"}),
        (14, "4", {"document_number", "composite"}),
        (15, "1", {"personal_number", "composite"}),
        (29, "5", {"personal_number", "composite"}),
        (30 + 6, "9", {"birth_date", "composite"}),
        (30 + 14, "7", {"expiry_date", "composite"}),
        (30 + 29, "1", {"composite"}),
    ],
)
def test_wrong_digits_are_named(position: int, text: str, names: set[str]) -> None:
    """Each changed character shows where it counts."""
    assert set(Mrz.parse(replaced(position, text)).wrong_digits) == names


@pytest.mark.parametrize("digit", ["0", "<"])
def test_a_card_without_end_may_have_a_filler_for_the_digit(digit: str) -> None:
    """What never-expiring cards hold is not documented: both forms of an empty field are taken."""
    zone = replaced(30 + 8, "<<<<<<" + digit)
    assert "expiry_date" not in Mrz.parse(zone).wrong_digits


@pytest.mark.parametrize(
    ("century_digit", "year"), [("0", 1999), ("1", 1999), ("2", 2099), ("3", 2099), ("4", 2199), ("<", 1999)]
)
def test_the_century_is_in_the_personal_number(century_digit: str, year: int) -> None:
    """1900 + 100 * (digit // 2)."""
    born = Mrz.parse(replaced(18, century_digit), TODAY).birth_date
    assert born is not None
    assert born.year == year


def test_a_truncated_name_is_taken_as_it_is() -> None:
    """A surname that fills the line has no separator (Doc 9303-5, 4.2.3)."""
    mrz = Mrz.parse(GOOD[:60] + "NGUYENPHANDANGTRANHOANGLEVODOB")
    assert (mrz.surname, mrz.given_names) == ("NGUYENPHANDANGTRANHOANGLEVODOB", "")


def test_nothing_personal_is_printed() -> None:
    """Its text form holds the format and which digits are wrong."""
    assert repr(Mrz.parse(GOOD)) == "Mrz(format=<MrzFormat.TD1: 'TD1'>, wrong_digits=())"


class TestOtherSizes:
    """Passports and the middle size; specimens of Doc 9303-4 and -6."""

    def test_the_passport_specimen(self, vector: Callable[[str], dict[str, Any]]) -> None:
        """TD3: every field and every digit."""
        mrz = Mrz.parse("".join(vector("mrz_icao_specimens")["td3"]), TODAY)
        assert (mrz.format, mrz.document_code, mrz.issuer, mrz.nationality) == (MrzFormat.TD3, "P", "UTO", "UTO")
        assert (mrz.document_number, mrz.personal_number) == ("L898902C3", "ZE184226B")
        assert (mrz.birth_date, mrz.expiry_date, mrz.sex) == (date(1974, 8, 12), date(2012, 4, 15), "F")
        assert (mrz.surname, mrz.given_names, mrz.name_truncated) == ("ERIKSSON", "ANNA MARIA", False)
        assert mrz.wrong_digits == ()
        assert mrz.information == "L898902C3674081221204159"

    def test_the_german_specimen(self, vector: Callable[[str], dict[str, Any]]) -> None:
        """An issuer of one letter, and a personal number field that is empty, with 0 for its digit."""
        mrz = Mrz.parse(vector("mrz_icao_specimens")["td3_de_mustermann"], TODAY)
        assert (mrz.issuer, mrz.personal_number, mrz.full_name) == ("D", "", "MUSTERMANN ERIKA")
        assert mrz.wrong_digits == ()

    def test_the_middle_size(self, vector: Callable[[str], dict[str, Any]]) -> None:
        """TD2, whose document number is too long for its field."""
        mrz = Mrz.parse("".join(vector("mrz_icao_specimens")["td2"]), TODAY)
        assert (mrz.format, mrz.document_number, mrz.full_name) == (
            MrzFormat.TD2,
            "D23145890734",
            "STEVENSON PETER JOHN",
        )
        assert (mrz.birth_date, mrz.optional_data) == (date(1934, 7, 12), ("7349",))
        assert mrz.wrong_digits == ()

    @pytest.mark.parametrize("place", [*range(10), *range(13, 20), *range(21, 43)])
    def test_every_digit_of_a_passport_shows_in_the_composite(
        self, vector: Callable[[str], dict[str, Any]], place: int
    ) -> None:
        """Characters that any check digit covers; name, nationality and sex are covered by none."""
        upper, lower = vector("mrz_icao_specimens")["td3"]
        other = "0" if lower[place] not in "0<" else "1"
        changed = lower[:place] + other + lower[place + 1 :]
        try:
            wrong = Mrz.parse(upper + changed, TODAY).wrong_digits
        except ChipDataError:
            return  # no date any more
        assert wrong

    def test_a_long_document_number_goes_on_in_the_optional_data(self) -> None:
        """Doc 9303-5, note j: a filler for the digit, the rest and the digit behind it."""
        number = "D23145890734"
        rest = number[9:] + check_digit(number)
        upper = f"I<UTO{number[:9]}<{rest}".ljust(30, "<")
        middle = "7408122F1204159UTO<<<<<<<<<<<"
        composite = check_digit(upper[5:30] + middle[:7] + middle[8:15] + middle[18:29])
        mrz = Mrz.parse(f"{upper}{middle}{composite}".ljust(90, "<"), TODAY)
        assert (mrz.document_number, mrz.wrong_digits) == (number, ())
        assert mrz.information.startswith(number + check_digit(number))

    @pytest.mark.parametrize("text", ["<<<<<<", "74<<<<", "7408<<"])
    def test_birth_dates_may_be_known_in_part(self, vector: Callable[[str], dict[str, Any]], text: str) -> None:
        """Fillers for day, month or all: there is no date, and it is no error."""
        upper, lower = vector("mrz_icao_specimens")["td3"]
        assert Mrz.parse(upper + lower[:13] + text + lower[19:], TODAY).birth_date is None

    def test_nobody_is_born_tomorrow(self, vector: Callable[[str], dict[str, Any]]) -> None:
        """Two digits of a year mean the newest one that is not to come."""
        upper, lower = vector("mrz_icao_specimens")["td3"]
        zone = upper + lower[:13] + "260602" + lower[19:]
        assert Mrz.parse(zone, date(2026, 6, 1)).birth_date == date(1926, 6, 2)
        assert Mrz.parse(zone, date(2026, 6, 2)).birth_date == date(2026, 6, 2)

    def test_a_name_that_fills_its_field_is_told(self, vector: Callable[[str], dict[str, Any]]) -> None:
        """Doc 9303-4, 4.2.3: it may have been cut off."""
        _, lower = vector("mrz_icao_specimens")["td3"]
        mrz = Mrz.parse("P<UTO" + "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K" + lower, TODAY)
        assert (mrz.surname, mrz.name_truncated) == ("NILAVADHANANANDA", True)


class TestHostileInput:
    """What may stand in DG1."""

    def test_truncation_at_every_character_is_refused(self) -> None:
        """A TD1 has 90 characters."""
        for cut in range(len(GOOD)):
            with pytest.raises(ChipDataError):
                Mrz.parse(GOOD[:cut])
        with pytest.raises(ChipDataError):
            Mrz.parse(GOOD + "<")

    @pytest.mark.parametrize("text", ["991301", "990230", "9A0101", "9<0101", "99<1<<", "000000"])
    def test_impossible_birth_dates_are_refused(self, text: str) -> None:
        """A guess is never made."""
        with pytest.raises(ChipDataError, match="birth date"):
            Mrz.parse(replaced(30, text))

    @pytest.mark.parametrize("character", ["a", " ", "\n", "\0", "Đ", "١", "-"])
    def test_characters_beyond_the_alphabet_are_refused(self, character: str) -> None:
        """Small letters, controls, other scripts' digits."""
        with pytest.raises(ChipDataError):
            Mrz.parse(replaced(62, character))

    @given(st.sampled_from([72, 88, 90]).flatmap(lambda size: st.text(ALPHABET, min_size=size, max_size=size)))
    def test_any_zone_is_parsed_or_refused(self, text: str) -> None:
        """Nothing but ChipDataError."""
        try:
            mrz = Mrz.parse(text)
        except ChipDataError:
            return
        assert "<" not in mrz.full_name
