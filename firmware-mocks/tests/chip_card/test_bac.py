from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from firmware_mocks.chip_card.apdu import Refused, Sw
from firmware_mocks.chip_card.bac import Bac
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

Vector = Callable[[str], dict[str, object]]


@pytest.fixture
def example(vector: Vector) -> dict[str, object]:
    """Read the worked example of ICAO Doc 9303-11, D.3."""
    return vector("bac_9303_11_appD")


def example_bac(example: dict[str, object]) -> Bac:
    """Make the chip's side with the example's random numbers."""
    drawn = [bytes.fromhex(str(example["rnd_ic"])), bytes.fromhex(str(example["k_ic"]))]
    return Bac(str(example["mrz_information"]), lambda _: drawn.pop(0))


def test_worked_example_is_answered_to_the_byte(example: dict[str, object]) -> None:
    """Challenge, cryptogram, keys and counter of D.3."""
    bac = example_bac(example)
    assert bac.challenge().hex().upper() == example["rnd_ic"]
    answer, keys = bac.authenticate(bytes.fromhex(str(example["e_ifd"]) + str(example["m_ifd"])))
    assert answer.hex().upper() == example["resp_data"]
    assert keys.encrypt.hex().upper() == example["ks_enc"]
    assert keys.mac.hex().upper() == example["ks_mac"]
    assert keys.counter == int(str(example["ssc"]), 16)


def test_a_challenge_serves_once(example: dict[str, object]) -> None:
    """A second answer, and one without a challenge, are 6985."""
    cryptogram = bytes.fromhex(str(example["e_ifd"]) + str(example["m_ifd"]))
    bac = example_bac(example)
    bac.challenge()
    bac.authenticate(cryptogram)
    with pytest.raises(Refused) as refusal:
        bac.authenticate(cryptogram)
    assert refusal.value.sw == Sw.CONDITIONS_NOT_SATISFIED


def test_every_changed_byte_is_refused(example: dict[str, object]) -> None:
    """6300 for each, as the MAC covers them all."""
    cryptogram = bytes.fromhex(str(example["e_ifd"]) + str(example["m_ifd"]))
    for at in range(len(cryptogram)):
        bac = example_bac(example)
        bac.challenge()
        with pytest.raises(Refused) as refusal:
            bac.authenticate(cryptogram[:at] + bytes([cryptogram[at] ^ 1]) + cryptogram[at + 1 :])
        assert refusal.value.sw == Sw.AUTHENTICATION_FAILED


@pytest.mark.parametrize(
    ("document", "selected", "sw"),
    [("passport-bac", True, 0x9000), ("passport-bac", False, 0x6985), ("cccd", True, 0x6985)],
)
def test_only_chips_with_bac_give_challenges(
    csca_folder: Path, portrait: bytes, document: str, selected: bool, sw: int
) -> None:
    """In the selected application; other chips answer 6985."""
    card = Card(personalise(DEFAULT_PERSON, portrait, csca_folder, document=DOCUMENTS[document]))
    if selected:
        card.transmit(bytes.fromhex("00A4040C07A0000002471001"))
    answer = card.transmit(bytes.fromhex("0084000008"))
    assert int.from_bytes(answer[-2:], "big") == sw
    assert len(answer) == (10 if sw == 0x9000 else 2)
