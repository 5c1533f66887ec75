from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from firmware_mocks.chip_card import DEFAULT_PERSON, Person, ProfileError, made_up_person, mrz
from firmware_mocks.chip_card.faults import FaultError, Faults
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 999_999)


def test_mrz_of_the_default_person_is_the_synthetic_sample(vector: Callable[[str], dict[str, object]]) -> None:
    """All check digits, that of the personal number in position 30 included."""
    sample = vector("mrz_td1_cccd_synthetic")
    assert list(mrz.td1(DEFAULT_PERSON)) == sample["lines"]
    assert mrz.information(DEFAULT_PERSON) == sample["bac_mrz_information"]
    assert DEFAULT_PERSON.can == sample["can"]
    assert DEFAULT_PERSON.document_number == sample["document_number"]


@pytest.mark.parametrize(
    ("text", "digit"), [("L898902C3", "6"), ("740812", "2"), ("120415", "9"), ("D23145890", "7"), ("<<<<<<", "0")]
)
def test_check_digits_of_icao_specimens(text: str, digit: str) -> None:
    """Specimen fields of Doc 9303-4 and 9303-5."""
    assert mrz.check_digit(text) == digit


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Đặng Hữu Đạt", "DANG<<HUU<DAT"),
        ("Tôn Nữ Thị Ngọc Bích Phương Thảo Uyên", "TON<<NU<THI<NGOC<BICH<PHUONG<T"),
        ("Ka", "KA"),
    ],
)
def test_names_lose_their_diacritics_and_keep_thirty_letters(name: str, line: str) -> None:
    """Đ is D, marks fall away, the field is cut at its end."""
    assert mrz.td1(replace(DEFAULT_PERSON, full_name=name))[2] == line.ljust(30, "<")


@given(SEEDS)
def test_made_up_persons_are_consistent(seed: int) -> None:
    """Century, sex and year of the number agree with the rest, and the card is valid."""
    person = made_up_person(seed)
    century, year = int(person.number[3]), int(person.number[4:6])
    assert 1900 + 100 * (century // 2) + year == person.birth_date.year
    assert century % 2 == (person.sex == "F")
    assert person.expiry_date is not None
    assert person.birth_date < person.issue_date < date(2026, 6, 1) < person.expiry_date
    assert all(len(line) == 30 for line in mrz.td1(person))


@given(SEEDS)
def test_profiles_survive_json(seed: int) -> None:
    """What is written is read back, letter for letter."""
    person = made_up_person(seed)
    assert Person.from_json(person.to_json()) == person
    assert made_up_person(seed) == person


@given(SEEDS, SEEDS)
def test_other_seeds_are_other_people(left: int, right: int) -> None:
    """Neither numbers nor access numbers collide."""
    if left != right:
        assert made_up_person(left).can != made_up_person(right).can


def test_card_without_end_has_fillers() -> None:
    """No expiry date leaves the field and its check digit at nothing."""
    person = replace(DEFAULT_PERSON, expiry_date=None)
    assert mrz.td1(person)[1][8:15] == "<<<<<<0"
    assert Person.from_json(person.to_json()) == person


@pytest.mark.parametrize(
    "change",
    [
        {"number": "12345"},
        {"number": "00119900001x"},
        {"number": "²" * 12},
        {"sex": "X"},
        {"full_name": " "},
        {"full_name": 7},
        {"birth_date": "1.1.1999"},
        {"birth_date": None},
        {"hair": "black"},
    ],
    ids=["short", "letter", "superscript", "sex", "nameless", "numeric-name", "date", "no-date", "unknown"],
)
def test_impossible_profiles_are_refused(change: dict[str, object]) -> None:
    """Each of these raises ProfileError."""
    fields = json.loads(DEFAULT_PERSON.to_json()) | change
    with pytest.raises(ProfileError):
        Person.from_json(json.dumps(fields))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '"x"'])
def test_other_json_is_refused(text: str) -> None:
    """A profile is one object with all its fields."""
    with pytest.raises(ProfileError):
        Person.from_json(text)


def test_faults_are_read_together() -> None:
    """Several words make one set of faults."""
    faults = Faults.parse(["forged-sod=DG13", "slow=80", "no-dg2", "vanish-after=12"])
    assert (faults.forged_sod, faults.slow_ms, faults.no_dg2, faults.vanish_after) == ("DG13", 80, True, 12)


WRONG_WORDS = ["", "bad", "slow", "slow=", "slow=-1", "slow=x", "slow=9999999", "forged-sod=DG3", "no-dg2=1"]
WRONG_WORDS += ["bit-rate=100", "bit-rate", "short-read=7", "pieces=0", "swapped-dg2=DG2", "slow=²"]


@pytest.mark.parametrize("word", WRONG_WORDS)
def test_unknown_faults_are_refused(word: str) -> None:
    """A misspelt fault must not make a healthy card."""
    with pytest.raises(FaultError):
        Faults.parse([word])
