from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.capture.chip import AccessDenied, CardAccessNumber, ChipError, MrzInformation, WrongMrz
from agent.capture.chip.bac import establish
from agent.capture.chip.passwords import Password

Example = dict[str, Any]


@pytest.fixture
def example(vector: Callable[[str], Example]) -> Example:
    """Doc 9303-11, appendix D.3."""
    return vector("bac_9303_11_appD")


@pytest.fixture
def play(example: Example, scripted: type[Any]) -> Callable[..., Any]:
    """Run BAC with the worked example's secrets on its transcript, of which single answers may be changed."""

    def run(changed: dict[int, str] | None = None) -> Any:
        script = [(step["c"], step["r"]) for step in example["apdus"]]
        for number, answer in (changed or {}).items():
            script[number] = (script[number][0], answer)
        secrets = [bytes.fromhex(example["rnd_ifd"]), bytes.fromhex(example["k_ifd"])]
        password = Password.of(MrzInformation(example["mrz_information"]))
        return establish(scripted(*script), password, lambda _: secrets.pop(0))

    return run


def test_worked_example_command_by_command(play: Callable[..., Any], example: Example) -> None:
    """Both commands are the published bytes, and keys and counter those of D.3."""
    session = play()
    assert session._keys.encryption.hex().upper() == example["ks_enc"]
    assert session._keys.authentication.hex().upper() == example["ks_mac"]
    assert session._counter == int(example["ssc"], 16)


@pytest.mark.parametrize("sw", ["6300", "63C1", "6982", "6988"])
def test_a_refused_cryptogram_is_a_wrong_zone(play: Callable[..., Any], sw: str) -> None:
    """Chips have several words for it."""
    with pytest.raises(WrongMrz):
        play({1: sw})


@pytest.mark.parametrize(("step", "answer"), [(0, "6985"), (0, "4608F9199000"), (1, "6700"), (1, "9000")])
def test_other_refusals_are_not_blamed_on_the_zone(play: Callable[..., Any], step: int, answer: str) -> None:
    """The protocol broke, nobody judged the password."""
    with pytest.raises(AccessDenied):
        play({step: answer})


def test_every_changed_or_cut_answer_is_refused(play: Callable[..., Any], example: Example) -> None:
    """The MAC covers all of the cryptogram."""
    answer = bytes.fromhex(example["apdus"][1]["r"])[:-2]
    for at in range(len(answer)):
        changed = bytearray(answer)
        changed[at] ^= 0x01
        for hostile in (bytes(changed), answer[:at]):
            with pytest.raises(ChipError):
                play({1: hostile.hex() + "9000"})


def test_only_a_zone_opens(scripted: type[Any]) -> None:
    """A card access number is no key of BAC: nothing is sent."""
    with pytest.raises(AccessDenied, match="machine-readable zone"):
        establish(scripted(), Password.of(CardAccessNumber("000017")), bytes)
