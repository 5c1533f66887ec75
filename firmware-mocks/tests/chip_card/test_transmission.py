"""What the wire carries: chains, pieces, the Le that fits."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from firmware_mocks.chip_card.apdu import Command, Refused, Sw
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.link_model import BIT_RATES, LinkModel
from firmware_mocks.chip_card.transmission import MAX_CHAIN_BYTES, Transmission
from hypothesis import given
from hypothesis import strategies as st

SOUND = Faults()


@dataclass
class Chip:
    """Answers every whole command with the same bytes, and keeps it."""

    answer: bytes = b""
    got: list[Command] = field(default_factory=list)

    def __call__(self, command: Command) -> bytes:
        """Keep and answer."""
        self.got.append(command)
        return self.answer + b"\x90\x00"


def say(wire: Transmission, command: str, faults: Faults = SOUND) -> str:
    """Send one command in hex."""
    return wire.transmit(bytes.fromhex(command), faults).hex()


def test_a_chain_is_one_command() -> None:
    """Joined at its last piece, whose class byte counts."""
    chip = Chip()
    wire = Transmission(chip)
    assert say(wire, "1C86000002AABB") == "9000"
    assert say(wire, "1C86000001CC") == "9000"
    assert chip.got == []
    say(wire, "0C86000001DD00")
    assert [(c.cla, c.data.hex(), c.le) for c in chip.got] == [(0x0C, "aabbccdd", 256)]


def test_another_command_ends_a_chain() -> None:
    """Its pieces are gone."""
    chip = Chip()
    wire = Transmission(chip)
    say(wire, "1C86000002AABB")
    say(wire, "0CA4040000")
    say(wire, "0C86000001DD00")
    assert [c.data.hex() for c in chip.got] == ["", "dd"]


def test_steps_of_pace_are_no_pieces() -> None:
    """They have the bit too, and each its own answer; a long step ends where its template does."""
    chip = Chip()
    wire = Transmission(chip)
    say(wire, "10860000027C0000")
    say(wire, "10860000047C068104")
    assert len(chip.got) == 1
    say(wire, "1086000004AABBCCDD00")
    assert [c.data.hex() for c in chip.got] == ["7c00", "7c068104aabbccdd"]


def test_power_off_forgets_half_a_chain() -> None:
    """As everything else."""
    chip = Chip()
    wire = Transmission(chip)
    say(wire, "1C86000002AABB")
    wire.reset()
    say(wire, "0C86000001DD00")
    assert [c.data.hex() for c in chip.got] == ["dd"]


def test_a_chain_without_end_is_refused() -> None:
    """Memory is bounded."""
    wire = Transmission(Chip())
    for _ in range(MAX_CHAIN_BYTES // 255):
        assert say(wire, "1C860000FF" + "AA" * 255) == "9000"
    with pytest.raises(Refused) as caught:
        say(wire, "1C860000FF" + "AA" * 255)
    assert caught.value.sw is Sw.WRONG_LENGTH


@pytest.mark.parametrize("faults", [SOUND, Faults(pieces=10), Faults(pieces=100)])
def test_a_long_answer_comes_in_pieces(faults: Faults) -> None:
    """As many bytes as each piece may have; the last brings the status word."""
    whole = bytes(range(256)) + bytes(range(50))
    wire = Transmission(Chip(whole))
    answer = wire.transmit(bytes.fromhex("00B0000000"), faults)
    collected = answer[:-2]
    while answer[-2] == 0x61:
        answer = wire.transmit(bytes.fromhex("00C00000") + answer[-1:], faults)
        collected += answer[:-2]
    assert (collected, answer[-2:]) == (whole, b"\x90\x00")


def test_an_extended_command_takes_a_long_answer_whole() -> None:
    """Unless the fault says otherwise."""
    wire = Transmission(Chip(bytes(300)))
    assert len(wire.transmit(bytes.fromhex("00B00000000000"), SOUND)) == 302


def test_get_response_without_anything_left_is_refused() -> None:
    """6985."""
    assert say(Transmission(Chip()), "00C0000000") == "6985"


def test_the_le_that_fits_is_told_once_and_then_served() -> None:
    """Without running the command twice, which would break a counter of secure messaging."""
    chip = Chip(b"\xaa\xbb")
    wire = Transmission(chip)
    faults = Faults(wire_6c=True)
    assert say(wire, "00B0000000", faults) == "6c02"
    assert say(wire, "00B0000002", faults) == "aabb9000"
    assert len(chip.got) == 1


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_answered_or_refused(commands: list[bytes]) -> None:
    """Whatever the order."""
    wire = Transmission(Chip(b"\xaa"))
    for command in commands:
        try:
            assert len(wire.transmit(command, Faults(wire_6c=True, pieces=8))) >= 2
        except Refused:
            continue


def test_the_link_takes_its_bit_rate() -> None:
    """Eight bits a byte both ways, and a latency for each command; no rate takes no time."""
    assert LinkModel().seconds(bytes(5), bytes(1000)) == 0
    for rate in BIT_RATES:
        assert LinkModel(rate, 0.0).seconds(bytes(5), bytes(995)) == pytest.approx(8 / rate)
    assert LinkModel(106, 0.5).seconds(b"", b"") == pytest.approx(0.5)
