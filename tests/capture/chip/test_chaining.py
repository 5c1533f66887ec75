"""Command chaining: in the wire's own bytes, and against the mock chip under secure messaging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import TRAVEL_DOCUMENT, ChipPolicy, MrzInformation
from agent.capture.chip.apdu import Command
from agent.capture.chip.chaining import ChainedCommands
from agent.capture.evidence import Verdict

DATA = bytes(range(256)) + bytes(44)
EXTENDED = Command(0x86, 0, 0, DATA, 65536)
FIRST, LAST = "10860000FF" + DATA[:255].hex(), "008600002D" + DATA[255:].hex() + "00"


def test_an_extended_command_goes_out_as_it_is(scripted: type[Any]) -> None:
    """As long as nobody refuses it."""
    link = scripted((EXTENDED.encode().hex(), "AA9000"))
    assert ChainedCommands(link).transmit(EXTENDED.encode()) == (b"\xaa", 0x9000)


def test_a_refused_plain_command_is_said_in_pieces_at_once(scripted: type[Any]) -> None:
    """And every later one without asking again."""
    link = scripted((EXTENDED.encode().hex(), "6700"), *((FIRST, "9000"), (LAST, "AA9000")) * 2)
    chained = ChainedCommands(link)
    assert chained.transmit(EXTENDED.encode()) == (b"\xaa", 0x9000)
    assert chained.transmit(EXTENDED.encode()) == (b"\xaa", 0x9000)
    assert link.exhausted


def test_a_refused_protected_command_is_only_remembered(scripted: type[Any]) -> None:
    """Its session is over; the same bytes would be nonsense in the next."""
    command = Command(0x86, 0, 0, DATA, 65536, cla=0x0C).encode()
    link = scripted((command.hex(), "6700"))
    chained = ChainedCommands(link)
    assert chained.transmit(command) == (b"", 0x6700)
    assert (chained.chains, link.exhausted) == (True, True)


def test_a_refusal_in_the_middle_of_a_chain_is_the_answer(scripted: type[Any]) -> None:
    """Chips without chaining say so at the first piece."""
    link = scripted((EXTENDED.encode().hex(), "6700"), (FIRST, "6884"))
    assert ChainedCommands(link).transmit(EXTENDED.encode()) == (b"", 0x6884)


def test_a_short_command_with_a_long_answer_needs_no_chain(scripted: type[Any]) -> None:
    """Only its Le becomes short; the answer comes by 61xx."""
    command = Command(0x86, 0, 0, b"\x7c\x00", 65536).encode()
    link = scripted((command.hex(), "6700"), ("00860000027C0000", "AA6105"))
    assert ChainedCommands(link).transmit(command) == (b"\xaa", 0x6105)


@pytest.mark.parametrize("command", ["00B0810000FFFF", "00A4020C02011C", "0084000008", "00B10000000004540200FF0000"])
def test_reads_and_short_commands_are_left_alone(scripted: type[Any], command: str) -> None:
    """What a refused read means the ladder of lengths finds out."""
    chained = ChainedCommands(scripted((command, "6700")))
    assert chained.transmit(bytes.fromhex(command)) == (b"", 0x6700)
    assert not chained.chains


class Joining:
    """A chip that refuses extended commands and joins chains."""

    def __init__(self) -> None:
        self.whole = b""
        self._parts = b""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Join, and keep the whole."""
        if apdu[4] == 0 and len(apdu) > 5:
            return b"", 0x6700
        end = 5 + apdu[4]
        assert len(apdu) in (end, end + 1)
        self._parts += apdu[5:end]
        if apdu[0] & 0x10:
            return b"", 0x9000
        self.whole, self._parts = self._parts, b""
        return b"", 0x9000


@given(st.binary(min_size=256, max_size=2000))
def test_the_pieces_make_the_whole(data: bytes) -> None:
    """Whatever the length."""
    link = Joining()
    ChainedCommands(link).transmit(Command(0x22, 0x41, 0xA6, data).encode())
    assert link.whole == data


NewLink = Callable[..., Any]


class TestWithoutExtendedLength:
    """Documents with 2048-bit keys on a reader that cannot carry an extended command."""

    def test_everything_is_said_in_pieces(self, new_link: NewLink, read: Any) -> None:
        """PACE with DH and chip authentication with DH, the latter under secure messaging."""
        link = new_link("no-extended-length", document="passport-dh")
        zone = MrzInformation(link.card._chip.passwords.mrz_information)
        result = read(link, key=zone, policy=ChipPolicy(document=TRAVEL_DOCUMENT))
        assert result.evidence.verdict is Verdict.PASSED, result.evidence.reason
        assert result.evidence.facts["access_control"].startswith("PACE-DH-GM")
        protected = [command for command in link.commands if command[0] & 0x1C == 0x1C]
        assert [command[1] for command in protected] == [0x86]
        assert any(command[:2] == bytes.fromhex("00C0") for command in link.commands)
