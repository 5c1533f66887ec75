from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event

import pytest
from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import (
    CardAccessNumber,
    ChipPolicy,
    MrzInformation,
    NotANumber,
    Pin,
    Puk,
    TrustAnchors,
    WrongCan,
)
from agent.capture.chip.transport import ReturningCard
from agent.commands import chip
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen

CAN = CardAccessNumber("000017")


class InProcess:
    """A card that lies on no reader."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.atr = ATR

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Hand the command to the chip."""
        answer = self._card.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])

    def reconnect(self, deadline: float, cancelled: Event) -> None:
        """Power the chip anew."""
        assert deadline
        assert not cancelled.is_set()
        self._card.reset()


@pytest.fixture(scope="module")
def csca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one CSCA for all cards."""
    folder = tmp_path_factory.mktemp("csca")
    personalise(DEFAULT_PERSON, drawn_portrait(), folder)
    return folder


@pytest.fixture
def anchors(csca_folder: Path) -> TrustAnchors:
    """Trust it."""
    return TrustAnchors.from_der([(csca_folder / "csca.der").read_bytes()])


def open_with(csca_folder: Path, *words: str) -> chip.OpenCard:
    """Return what opens a card with these faults."""

    @contextmanager
    def opened() -> Iterator[ReturningCard]:
        faults = Faults.parse(words)
        yield InProcess(Card(personalise(DEFAULT_PERSON, drawn_portrait(), csca_folder, faults), faults))

    def open_card(_deadline: float, _cancelled: Event) -> AbstractContextManager[ReturningCard]:
        return opened()

    return open_card


def test_a_good_card_is_read_and_written_out(
    csca_folder: Path, anchors: TrustAnchors, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON value for scripts; the folder can be inspected again."""
    out = tmp_path / "out"
    policy = ChipPolicy(keep_raw_dg13=True)
    code = chip.read(Screen(as_json=True), open_with(csca_folder), CAN, anchors, policy, out=out)
    told = json.loads(capsys.readouterr().out)
    assert (code, told["verdict"]) == (ExitCode.OK, "passed")
    assert told["holder"]["number"] == DEFAULT_PERSON.number
    assert (out / "portrait.jpg").exists()
    assert chip.inspect_folder(Screen(as_json=True), out, anchors, policy) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["verdict"] == "passed"


def test_a_table_for_people(csca_folder: Path, anchors: TrustAnchors, capsys: pytest.CaptureFixture[str]) -> None:
    """A clone: the failed checks stand in it, and the exit status says so."""
    code = chip.read(Screen(), open_with(csca_folder, "cloned"), CAN, anchors, ChipPolicy())
    shown = capsys.readouterr().out
    assert code is ExitCode.FAILED
    assert "failed" in shown
    assert "passed" in shown


def test_without_anchors_nothing_passes(csca_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not assessed is not passed."""
    code = chip.read(Screen(as_json=True), open_with(csca_folder), CAN, TrustAnchors(()), ChipPolicy())
    assert code is ExitCode.FAILED
    assert json.loads(capsys.readouterr().out)["verdict"] == "not assessed"


def test_a_trace_holds_nothing_personal(csca_folder: Path) -> None:
    """Commands and lengths."""
    lines: list[str] = []
    assert chip.trace(Screen(), open_with(csca_folder), CAN, ChipPolicy(), tell=lines.append) is ExitCode.OK
    text = "\n".join(lines)
    assert text.count("> ") == 18
    assert DEFAULT_PERSON.number.encode().hex().upper() not in text


def test_a_wrong_number_is_an_error(csca_folder: Path, anchors: TrustAnchors) -> None:
    """It reaches the command line as one."""
    with pytest.raises(WrongCan):
        chip.read(Screen(), open_with(csca_folder), CardAccessNumber("999999"), anchors, ChipPolicy())


def test_exactly_one_password() -> None:
    """Of five kinds."""
    zone = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
    assert chip.key_of("000017", None, None, None, None) == CAN
    assert chip.key_of(None, DEFAULT_PERSON.number, None, None, None) == CAN
    assert chip.key_of(None, None, zone, None, None) == MrzInformation("L898902C3674081221204159")
    assert chip.key_of(None, None, None, "12345", None) == Pin("12345")
    assert chip.key_of(None, None, None, None, "12345") == Puk("12345")
    for given in ((None,) * 5, ("000017", None, None, "12345", None)):
        with pytest.raises(ValueError, match="exactly one"):
            chip.key_of(*given)
    with pytest.raises(NotANumber):
        chip.key_of("17", None, None, None, None)
