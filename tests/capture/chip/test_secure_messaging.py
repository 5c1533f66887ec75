from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from firmware_mocks.chip_card.apdu import Command as ChipCommand
from firmware_mocks.chip_card.apdu import Refused
from firmware_mocks.chip_card.ciphers import AES_128 as CHIP_AES
from firmware_mocks.chip_card.secure_messaging import Session as ChipSession
from firmware_mocks.chip_card.secure_messaging import SessionKeys as ChipKeys
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import SessionBroken
from agent.capture.chip.apdu import Command
from agent.capture.chip.ciphers import pad
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys, unpad
from agent.capture.chip.tlv import encode
from agent.devices.errors import CardLost

ENCRYPTION, AUTHENTICATION = bytes(range(16)), bytes(range(16, 32))
READ = Command(0xB0, 0, 0, expected=16)
Respond = Callable[[ChipCommand], tuple[bytes, int]]


class ChipSide:
    """A CardLink whose end is a chip written apart from the agent; `spoil` changes its protected answers."""

    def __init__(
        self, respond: Respond = lambda _: (b"0123456789abcdef", 0x9000), spoil: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._session = ChipSession(ChipKeys(ENCRYPTION, AUTHENTICATION))
        self._respond, self._spoil = respond, spoil
        self.heard: list[ChipCommand] = []
        self.raw: list[bytes] = []

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Unprotect, answer, protect."""
        self.raw.append(apdu)
        try:
            command = self._session.unprotect(ChipCommand.parse(apdu))
        except Refused as refusal:
            return b"", refusal.sw
        self.heard.append(command)
        data, sw = self._respond(command)
        answer = self._spoil(self._session.protect(command, data, sw))
        return answer[:-2], int.from_bytes(answer[-2:])


def open_session(chip: ChipSide) -> SecureSession:
    """Open the agent's end with the same keys."""
    return SecureSession(chip, SessionKeys(ENCRYPTION, AUTHENTICATION))


@pytest.mark.parametrize(
    "command",
    [
        Command(0xA4, 0x04, 0x0C),
        READ,
        Command(0xB0, 0x9D, 0, expected=256),
        Command(0xA4, 0x04, 0x0C, b"\xa0\x00\x00\x02\x47\x10\x01"),
        Command(0x88, 0, 0, bytes(8), 256),
        Command(0xB0, 0, 0, expected=16384),
        Command(0xB0, 0, 0, expected=65536),
        Command(0xB1, 0, 0, bytes.fromhex("5403010000"), 500),
        Command(0x2A, 0, 0xBE, b"\x5a" * 240, 0),
        Command(0x2A, 0, 0xBE, b"\x5a" * 1000, 0),
    ],
    ids=["1", "2", "2-all", "3", "4", "2E", "2E-all", "4E-odd", "3-grown", "3E"],
)
def test_the_chip_hears_what_was_sent(command: Command) -> None:
    """Header, data and Le of every form arrive in a chip that was written apart."""
    chip = ChipSide(lambda _: (b"", 0x9000))
    assert open_session(chip).send(command) == (b"", 0x9000)
    heard = chip.heard[0]
    assert (heard.ins, heard.p1, heard.p2) == (command.ins, command.p1, command.p2)
    assert (heard.data, heard.le) == (command.data, command.expected)


@given(st.binary(max_size=600), st.sampled_from([0x9000, 0x6282, 0x6A82, 0x6700, 0x6C10]))
def test_answers_come_back_whole_with_the_protected_status(data: bytes, sw: int) -> None:
    """Any data and status word survive."""
    session = open_session(ChipSide(lambda _: (data, sw)))
    assert session.send(Command(0xB0, 0, 0, expected=4096)) == (data, sw)


def test_the_counter_runs_through_many_commands() -> None:
    """Each command and each answer moves it."""
    session = open_session(ChipSide())
    for _ in range(20):
        assert session.send(READ)[1] == 0x9000


def test_equal_commands_look_different_on_the_wire() -> None:
    """The counter is in every MAC, so nothing can be replayed."""
    chip = ChipSide()
    session = open_session(chip)
    session.send(READ)
    session.send(READ)
    assert chip.raw[0] != chip.raw[1]


@given(st.binary(max_size=64))
def test_padding_is_undone(data: bytes) -> None:
    """ISO/IEC 9797-1, method 2."""
    assert len(pad(data)) % 16 == 0
    assert unpad(pad(data)) == data


def test_keys_are_not_printed() -> None:
    """Session keys open everything that was recorded."""
    keys = SessionKeys(ENCRYPTION, AUTHENTICATION)
    assert repr(keys) == "SessionKeys()"


class TestHostileAnswers:
    """Answers that must end the session."""

    def assert_dead(self, chip: ChipSide, command: Command = READ) -> SessionBroken:
        """Check that the command breaks the session, and that the next does not reach the chip any more."""
        session = open_session(chip)
        with pytest.raises(SessionBroken) as caught:
            session.send(command)
        sent = len(chip.raw)
        with pytest.raises(SessionBroken, match="ended before"):
            session.send(command)
        assert len(chip.raw) == sent
        return caught.value

    def test_every_flipped_bit_is_noticed(self) -> None:
        """Data, status, MAC and their headers: one bit of any byte."""
        length = len(ChipSide().transmit(_protected(READ))[0]) + 2
        for position in range(length):
            self.assert_dead(ChipSide(spoil=partial(_flipped, position=position)))

    def test_truncation_at_every_byte_is_noticed(self) -> None:
        """The status word at the end stays, everything before is cut."""
        length = len(ChipSide().transmit(_protected(READ))[0])
        for cut in range(length):
            self.assert_dead(ChipSide(spoil=partial(_cut, length=cut)))

    def test_an_answer_without_protection_names_its_status_word(self) -> None:
        """A chip that gave the session up answers in plain."""
        assert self.assert_dead(ChipSide(spoil=lambda _: b"\x69\x88")).sw == 0x6988

    def test_plain_data_are_not_taken(self) -> None:
        """Someone in between answers instead of the chip."""
        assert self.assert_dead(ChipSide(spoil=lambda _: b"0123456789abcdef\x90\x00")).sw is None

    def test_an_old_answer_is_not_taken_again(self) -> None:
        """The counter is in the MAC."""
        kept: list[bytes] = []

        def replay(answer: bytes) -> bytes:
            kept.append(answer)
            return kept[0]

        session = open_session(ChipSide(spoil=replay))
        session.send(READ)
        with pytest.raises(SessionBroken, match="MAC"):
            session.send(READ)

    @pytest.mark.parametrize(
        "objects",
        [
            b"",
            encode(0x87, b"\x01" + bytes(16)),
            encode(0x99, b"\x90\x00") + encode(0x87, b"\x01" + bytes(16)),
            encode(0x99, b"\x90\x00") * 2,
            encode(0x87, b"\x01" + bytes(16)) * 2 + encode(0x99, b"\x90\x00"),
            encode(0x85, bytes(16)) + encode(0x99, b"\x90\x00"),
            encode(0x81, b"plain") + encode(0x99, b"\x90\x00"),
            encode(0x87, b"\x02" + bytes(16)) + encode(0x99, b"\x90\x00"),
            encode(0x87, b"\x01" + bytes(15)) + encode(0x99, b"\x90\x00"),
            encode(0x87, b"\x01") + encode(0x99, b"\x90\x00"),
            encode(0x87, b"") + encode(0x99, b"\x90\x00"),
            encode(0x87, b"\x01" + bytes(16)) + encode(0x99, b"\x90\x00"),
            encode(0x99, b"\x90"),
            encode(0x99, b"\x69\x82"),
            encode(0x99, b"\x90\x00") + b"\x00",
            b"\x99\x05\x90\x00",
        ],
        ids=[
            "nothing",
            "no status",
            "order",
            "two status",
            "two data",
            "odd tag",
            "plain tag",
            "indicator",
            "half block",
            "no block",
            "empty",
            "padding",
            "short status",
            "other status",
            "trailing",
            "lying length",
        ],
    )
    def test_objects_other_than_the_standards_are_refused_under_a_right_mac(self, objects: bytes) -> None:
        """Even a chip that knows the keys gets no further with them (Doc 9303-11, 9.8)."""
        chip = ChipSide()

        def signed(_: bytes) -> bytes:
            counter = (2).to_bytes(16)
            return objects + encode(0x8E, CHIP_AES.mac(AUTHENTICATION, counter + pad(objects))) + b"\x90\x00"

        chip._spoil = signed
        self.assert_dead(chip)

    def test_a_lost_card_ends_the_session(self) -> None:
        """Nobody knows whether the chip heard the command, so the counters may differ."""

        class Torn:
            def transmit(self, apdu: bytes) -> tuple[bytes, int]:
                raise CardLost(f"{len(apdu)} bytes")

        session = SecureSession(Torn(), SessionKeys(ENCRYPTION, AUTHENTICATION))
        with pytest.raises(CardLost):
            session.send(READ)
        with pytest.raises(SessionBroken, match="ended before"):
            session.send(READ)

    @pytest.mark.parametrize("data", [b"", bytes(16), b"\x01" * 16, b"\x80" + bytes(16)])
    def test_wrong_padding_is_refused(self, data: bytes) -> None:
        """No marker, or more than one block of zeros."""
        with pytest.raises(SessionBroken):
            unpad(data)


def _protected(command: Command) -> bytes:
    chip = ChipSide()
    open_session(chip).send(command)
    return chip.raw[0]


def _cut(answer: bytes, length: int) -> bytes:
    return answer[:length] + answer[-2:]


def _flipped(answer: bytes, position: int) -> bytes:
    changed = bytearray(answer)
    changed[position] ^= 0x04
    return bytes(changed)
