from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import zxingcpp
from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.mrz import passport_information
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from PIL import Image

from agent.capture.chip import (
    OPTIONAL_GROUPS,
    TRAVEL_DOCUMENT,
    CardAccessNumber,
    ChipPolicy,
    MrzInformation,
    NotANumber,
    Pin,
    Puk,
    Source,
    TrustAnchors,
    WrongCan,
)
from agent.capture.chip.transport import ReturningCard
from agent.commands import chip
from agent.commands.chip import Given
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen

CAN = CardAccessNumber("000017")
BY_CAN = Source("can", CAN)


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


def open_with(csca_folder: Path, *words: str, document: str = "cccd") -> chip.OpenCard:
    """Return what opens a card with these faults."""

    @contextmanager
    def opened() -> Iterator[ReturningCard]:
        faults = Faults.parse(words)
        kind = DOCUMENTS[document]
        made = personalise(DEFAULT_PERSON, drawn_portrait(), csca_folder, faults, document=kind)
        yield InProcess(Card(made, faults))

    def open_card(_deadline: float, _cancelled: Event) -> AbstractContextManager[ReturningCard]:
        return opened()

    return open_card


def test_a_good_card_is_read_and_written_out(
    csca_folder: Path, anchors: TrustAnchors, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON value for scripts; the folder can be inspected again."""
    out = tmp_path / "out"
    policy = ChipPolicy(keep_raw_dg13=True)
    code = chip.read(Screen(as_json=True), open_with(csca_folder), BY_CAN, anchors, policy, out=out)
    told = json.loads(capsys.readouterr().out)
    assert (code, told["verdict"]) == (ExitCode.OK, "passed")
    assert told["holder"]["number"] == DEFAULT_PERSON.number
    assert (out / "portrait.jpg").exists()
    assert chip.inspect_folder(Screen(as_json=True), out, anchors, policy) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["verdict"] == "passed"


def test_a_table_for_people(csca_folder: Path, anchors: TrustAnchors, capsys: pytest.CaptureFixture[str]) -> None:
    """A clone: the failed checks stand in it, and the exit status says so."""
    code = chip.read(Screen(), open_with(csca_folder, "cloned"), BY_CAN, anchors, ChipPolicy())
    shown = capsys.readouterr().out
    assert code is ExitCode.FAILED
    assert "failed" in shown
    assert "passed" in shown


def test_without_anchors_nothing_passes(csca_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not assessed is not passed."""
    code = chip.read(Screen(as_json=True), open_with(csca_folder), BY_CAN, TrustAnchors(()), ChipPolicy())
    assert code is ExitCode.FAILED
    assert json.loads(capsys.readouterr().out)["verdict"] == "not assessed"


def test_a_trace_holds_nothing_personal(csca_folder: Path) -> None:
    """Commands and lengths."""
    lines: list[str] = []
    assert chip.trace(Screen(), open_with(csca_folder), BY_CAN, ChipPolicy(), tell=lines.append) is ExitCode.OK
    text = "\n".join(lines)
    assert text.count("> ") == 18
    assert DEFAULT_PERSON.number.encode().hex().upper() not in text


def test_a_wrong_number_is_an_error(csca_folder: Path, anchors: TrustAnchors) -> None:
    """It reaches the command line as one."""
    with pytest.raises(WrongCan):
        chip.read(Screen(), open_with(csca_folder), Source("can", CardAccessNumber("999999")), anchors, ChipPolicy())


ZONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
QR = f"{DEFAULT_PERSON.number}||Nguyễn Văn A|01011990|Nam|Hà Nội|01012022"


def test_exactly_one_password() -> None:
    """Of eight kinds."""
    assert Given(can="000017").source() == Source("can", CAN)
    assert Given(number=DEFAULT_PERSON.number).source() == Source("number", CAN, DEFAULT_PERSON.number)
    assert Given(mrz=ZONE).source().key == MrzInformation("L898902C3674081221204159")
    assert Given(qr=QR).source() == Source("qr", CAN, DEFAULT_PERSON.number)
    assert Given(scan=lambda: QR).source() == Source("qr", CAN, DEFAULT_PERSON.number)
    assert Given(pin=lambda: "12345").source().key == Pin("12345")
    assert Given(puk=lambda: "12345").source().key == Puk("12345")
    for given in (Given(), Given(can="000017", qr=QR)):
        with pytest.raises(ValueError, match="exactly one"):
            given.source()
    with pytest.raises(NotANumber):
        Given(can="17").source()


def test_a_picture_of_the_card_opens_it(
    csca_folder: Path, anchors: TrustAnchors, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The number in its QR code is held against the chip's."""
    picture = tmp_path / "card.png"
    drawn = zxingcpp.create_barcode(QR, zxingcpp.BarcodeFormat.QRCode).to_image(scale=6)
    Image.fromarray(np.asarray(drawn)).save(picture)
    source = Given(picture=picture).source()
    assert chip.read(Screen(as_json=True), open_with(csca_folder), source, anchors, ChipPolicy()) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["verdict"] == "passed"


def test_another_cards_qr_code_is_told(
    csca_folder: Path, anchors: TrustAnchors, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last six digits open the chip, and the number differs: the cross-check fails, not the reading."""
    source = Given(qr="9" * 6 + DEFAULT_PERSON.can + QR[12:]).source()
    code = chip.read(Screen(as_json=True), open_with(csca_folder), source, anchors, ChipPolicy())
    failed = [check for check in json.loads(capsys.readouterr().out)["checks"] if check["verdict"] == "failed"]
    assert code is ExitCode.FAILED
    assert [(check["name"], check["reason"]) for check in failed] == [
        ("data_consistency", "differs: number given and DG1")
    ]


def test_the_groups_that_stay_closed_are_told(
    csca_folder: Path, anchors: TrustAnchors, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fingerprints in DG3 are for states with certificates; nobody tries."""
    assert chip.read(Screen(), open_with(csca_folder), BY_CAN, anchors, ChipPolicy()) is ExitCode.OK
    shown = capsys.readouterr().out
    assert "DG3" in shown
    assert "never asked for" in " ".join(shown.split())


def test_optional_groups_are_shown(
    csca_folder: Path, anchors: TrustAnchors, capsys: pytest.CaptureFixture[str]
) -> None:
    """Address, issuer and whom to notify, where the policy asks for them."""
    policy = ChipPolicy(document=TRAVEL_DOCUMENT, optional_groups=OPTIONAL_GROUPS)
    zone = passport_information(DEFAULT_PERSON)
    opener = open_with(csca_folder, document="passport")
    source = Source("mrz", MrzInformation(zone))
    assert chip.read(Screen(as_json=True), opener, source, anchors, policy) is ExitCode.OK
    optional = json.loads(capsys.readouterr().out)["optional"]
    assert optional["DG7 displayed_signatures"] == "1"
    assert optional["DG11 personal_number"] == DEFAULT_PERSON.number
    assert optional["DG12 issuing_authority"] == "Cục Quản lý xuất nhập cảnh"
    assert optional["DG16 person_to_notify"].endswith("0123")
