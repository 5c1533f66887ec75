from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.capture.chip import ChipDataError
from agent.capture.chip.transport import MAX_ANSWER_BYTES, GuardedLink, ReturningCard, WholeAnswers
from agent.devices.errors import Cancelled

READ = bytes.fromhex("00B0000000")


def test_answers_in_pieces_are_joined(scripted: type[Any]) -> None:
    """61xx names how much is left, and GET RESPONSE asks for it."""
    link = scripted(("00B0000000", "AABB6102"), ("00C0000002", "CCDD6100"), ("00C0000000", "EE9000"))
    assert WholeAnswers(link).transmit(READ) == (b"\xaa\xbb\xcc\xdd\xee", 0x9000)
    assert link.exhausted


def test_a_wrong_expected_length_is_corrected_once(scripted: type[Any]) -> None:
    """6Cxx names the Le that fits."""
    link = scripted(("00B0000000", "6C03"), ("00B0000003", "AABBCC9000"))
    assert WholeAnswers(link).transmit(READ) == (b"\xaa\xbb\xcc", 0x9000)


def test_the_expected_length_behind_data_is_corrected_too(scripted: type[Any]) -> None:
    """Case 4 in the short form."""
    link = scripted(("0088000002AABB00", "6C01"), ("0088000002AABB01", "CC9000"))
    assert WholeAnswers(link).transmit(bytes.fromhex("0088000002AABB00")) == (b"\xcc", 0x9000)


def test_a_command_without_expected_length_is_not_repeated(scripted: type[Any]) -> None:
    """Its last byte is data, and changing that would send another command."""
    link = scripted(("00A4020C02011C", "6C03"))
    assert WholeAnswers(link).transmit(bytes.fromhex("00A4020C02011C")) == (b"", 0x6C03)


def test_errors_pass_through(scripted: type[Any]) -> None:
    """What is neither 61xx nor 6Cxx is the caller's."""
    assert WholeAnswers(scripted(("00B0000000", "6A82"))).transmit(READ) == (b"", 0x6A82)


def test_commands_and_bytes_are_counted_and_guarded(scripted: type[Any]) -> None:
    """The check is asked before each command, and a cancel sends nothing."""
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled

    link = scripted(("00B0000000", "AABB9000"), ("00B0000000", "CC6282"))
    guarded = GuardedLink(link, check)
    guarded.transmit(READ)
    guarded.transmit(READ)
    with pytest.raises(Cancelled):
        guarded.transmit(READ)
    assert (guarded.apdus, guarded.bytes_read, link.sent) == (2, 3, 2)


def test_the_mock_link_is_a_returning_card(new_link: Callable[..., Any], scripted: type[Any]) -> None:
    """The Protocol is what tells a link that can wait for its card from one that cannot."""
    assert isinstance(new_link(), ReturningCard)
    assert not isinstance(scripted(), ReturningCard)


class Endless:
    """A chip that always has more to say, `size` bytes at a time."""

    def __init__(self, size: int, sw: int) -> None:
        self._answer = (bytes(size), sw)
        self.commands = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Answer the same again."""
        assert apdu
        self.commands += 1
        return self._answer


class TestHostileAnswers:
    """Chips that never end."""

    def test_endless_pieces_are_refused_at_the_largest_answer(self) -> None:
        """Memory is bounded, whatever the chip announces."""
        link = Endless(256, 0x61FF)
        with pytest.raises(ChipDataError, match="65,536"):
            WholeAnswers(link).transmit(READ)
        assert link.commands <= MAX_ANSWER_BYTES // 256 + 1

    def test_endless_announcements_without_bytes_are_refused(self) -> None:
        """61xx with nothing behind it."""
        link = Endless(0, 0x6110)
        with pytest.raises(ChipDataError, match="without end"):
            WholeAnswers(link).transmit(READ)
        assert link.commands == 2

    def test_endless_corrections_are_given_up(self) -> None:
        """6Cxx to the corrected command is an answer, not another invitation."""
        link = Endless(0, 0x6C10)
        assert WholeAnswers(link).transmit(READ) == (b"", 0x6C10)
        assert link.commands == 2
