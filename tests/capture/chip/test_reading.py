from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from firmware_mocks.chip_card.made_up import made_up_person

from agent.capture.chip import AccessDenied, CardAccessNumber, ChipDataError, SessionBroken, WrongCan
from agent.capture.chip.access import AccessControl
from agent.capture.chip.apdu import Command
from agent.capture.chip.documents import CCCD_CARD_ACCESS, CITIZEN_CARD
from agent.capture.chip.files import DG2, SOD
from agent.capture.chip.passwords import Password
from agent.capture.chip.pieces import Ladder
from agent.capture.chip.reading import MAX_RETURNS, ChipReading, Limits
from agent.capture.evidence import Guidance
from agent.devices.errors import Cancelled, CardLost, DeviceTimeout

NewLink = Callable[..., Any]
SELECT = "00A4020C02011C"


def control(can: str = "000017") -> AccessControl:
    """Open citizen cards by a card access number, and by PACE alone."""
    password = Password.from_can(CardAccessNumber(can))
    return AccessControl(password, CITIZEN_CARD, allow_bac=False, random=os.urandom)


def reading_of(link: Any, rung: int = 0, cancelled: Event | None = None, can: str = "000017") -> ChipReading:
    """Prepare a reading with half a minute of time."""
    limits = Limits(time.monotonic() + 30, cancelled or Event(), 5)
    return ChipReading(link, control(can), Ladder(rung), limits, lambda _: None)


def quiet(_done: int, _total: int) -> None:
    """Take progress."""


class TestCardAccess:
    """What is done before the password."""

    def denied(self, link: Any) -> str:
        """Open a chip that offers nothing of ours; return why not."""
        with pytest.raises((AccessDenied, ChipDataError)) as caught:
            reading_of(link).open()
        assert link.exhausted
        return caught.value.detail

    def test_it_is_read_without_selecting_the_master_file(self, scripted: type[Any]) -> None:
        """Citizen cards refuse SELECT MF."""
        link = scripted((SELECT, "9000"), ("00B0000000", "3100 9000"))
        assert "no PACE" in self.denied(link)

    def test_a_long_file_is_read_in_pieces(self, scripted: type[Any]) -> None:
        """More than 256 bytes of offers, none of them ours."""
        content = bytes.fromhex("3182012C") + bytes.fromhex("3004060200FF") * 50
        link = scripted(
            (SELECT, "9000"),
            ("00B0000000", content[:256].hex() + "9000"),
            ("00B0010000", content[256:].hex() + "6282"),
        )
        assert "no PACE" in self.denied(link)

    def test_what_lies_behind_its_end_is_not_looked_at(self, scripted: type[Any]) -> None:
        """Some chips give the file's whole space."""
        link = scripted((SELECT, "9000"), ("00B0000000", "3100 0000FFFF 9000"))
        assert "no PACE" in self.denied(link)

    @pytest.mark.parametrize(
        "script",
        [
            [(SELECT, "9000"), ("00B0000000", "31827FFF00 9000")],
            [(SELECT, "9000"), ("00B0000000", "3180 9000")],
            [(SELECT, "9000"), ("00B0000000", "3104 3000 9000"), ("00B0000400", "6B00")],
            [(SELECT, "9000"), ("00B0000000", "3002 3000 9000")],
        ],
        ids=["32 KiB", "indefinite", "ends early", "another tag"],
    )
    def test_files_that_lie_are_refused(self, scripted: type[Any], script: list[tuple[str, str]]) -> None:
        """Before anything secret is said."""
        self.denied(scripted(*script))

    @pytest.mark.parametrize("script", [[(SELECT, "6A82")], [(SELECT, "9000"), ("00B0000000", "6982")]])
    def test_a_chip_that_hides_it_is_taken_for_a_citizen_card(
        self, scripted: type[Any], script: list[tuple[str, str]]
    ) -> None:
        """The constant of all cards seen stands in, and PACE is tried."""
        link = scripted(*script, ("0022C1A412800A04007F00070202040202830102 84010D", "6A80"))
        with pytest.raises(AccessDenied, match="MSE:Set AT: 6A80"):
            reading_of(link).open()

    def test_the_mock_chip_offers_the_constant(self, new_link: NewLink) -> None:
        """Both were written from the same sheet, apart from each other."""
        link = new_link()
        link.transmit(bytes.fromhex(SELECT))
        assert link.transmit(Command(0xB0, 0, 0, expected=256).encode())[0] == CCCD_CARD_ACCESS


class TestWrongPassword:
    """A CAN that the chip refuses."""

    def test_one_attempt_reaches_the_chip(self, new_link: NewLink) -> None:
        """It is never tried again, and nothing else is."""
        link = new_link()
        with pytest.raises(WrongCan):
            reading_of(link, can="999999").open()
        assert (link.pace_runs, link.tokens, link.reconnects) == (1, 1, 0)

    def test_nothing_is_tried_again_before_the_password_has_proved_right(self, new_link: NewLink) -> None:
        """A card lost in the middle of PACE is an error: perhaps the password was wrong."""
        for lost_at in range(7):
            link = new_link()
            link.lose_at = {lost_at}
            with pytest.raises(CardLost):
                reading_of(link).open()
            assert link.reconnects == 0

    def test_another_persons_card_that_comes_back_is_asked_once(self, new_link: NewLink) -> None:
        """The operator put a different card down: its chip hears the password once."""
        link, other = new_link(), new_link(person=made_up_person(5))
        link.lose_at, link.another = {9}, other.card
        reading = reading_of(link)
        reading.open()
        reading.read(SOD, quiet)
        with pytest.raises(WrongCan):
            reading.read(DG2, quiet)
        assert (link.pace_runs, link.tokens) == (2, 2)


class TestLostCards:
    """A card that is lifted and comes back."""

    @pytest.mark.parametrize("rung", [0, 3])
    def test_reading_goes_on_wherever_it_was_lost(self, new_link: NewLink, rung: int) -> None:
        """At every command after the first channel is open, files come out as without the loss."""
        whole_link = new_link()
        whole = reading_of(whole_link, rung)
        whole.open()
        opened = len(whole_link.commands)
        expected = [whole.read(file, quiet) for file in (SOD, DG2)]
        for lost_at in range(opened, len(whole_link.commands), 1 if rung == 0 else 9):
            link = new_link()
            link.card, link.lose_at = whole_link.card, {lost_at}
            link.card.reset()
            reading = reading_of(link, rung)
            reading.open()
            assert [reading.read(file, quiet) for file in (SOD, DG2)] == expected
            assert (reading.returns, reading.channels, link.reconnects) == (1, 2, 1)

    def test_only_what_is_missing_is_read_again(self, new_link: NewLink) -> None:
        """Lost at the 30th of many short reads: the second channel starts there."""
        link = new_link()
        link.lose_at = {30}
        reading = reading_of(link, rung=3)
        reading.open()
        content = reading.read(DG2, quiet)
        assert content is not None
        assert len(link.commands) < 30 + 8 + 1 + -(-len(content) // 223)

    def test_a_card_that_does_not_come_back_is_lost(self, new_link: NewLink) -> None:
        """The error is the loss, not the wait."""
        link = new_link()
        link.lose_at, link.comes_back = {8}, False
        reading = reading_of(link)
        reading.open()
        with pytest.raises(CardLost):
            reading.read(SOD, quiet)
        assert link.reconnects == 1

    def test_the_operator_is_told_to_put_it_back(self, new_link: NewLink) -> None:
        """In words, before the wait."""
        told: list[Guidance] = []
        link = new_link()
        link.lose_at = {8}
        limits = Limits(time.monotonic() + 30, Event(), 5)
        reading = ChipReading(link, control(), Ladder(), limits, told.append)
        reading.open()
        reading.read(SOD, quiet)
        assert "chip.put_back" in [guidance.code for guidance in told]

    def test_a_card_that_is_lost_again_and_again_is_given_up(self, new_link: NewLink) -> None:
        """A loose contact does not hold the person up for ever."""
        link = new_link()
        reading = reading_of(link)
        reading.open()
        link.lose_at = set(range(len(link.commands), 10_000))
        with pytest.raises(CardLost):
            reading.read(SOD, quiet)
        assert link.reconnects <= MAX_RETURNS

    def test_a_reader_that_drops_the_card_over_long_answers_gets_short_ones(self, new_link: NewLink) -> None:
        """Twice lost at one place: the next try asks for less."""
        link = new_link()

        def too_long(_number: int, _command: bytes, answer: bytes) -> bytes:
            if len(answer) > 300:
                raise CardLost("the reader's buffer")
            return answer

        link.answer = too_long
        reading = reading_of(link)
        reading.open()
        assert reading.read(DG2, quiet) is not None
        assert reading.returns <= MAX_RETURNS

    def test_a_link_that_cannot_wait_reports_the_loss(self, new_link: NewLink) -> None:
        """Not every CardLink has a reader behind it."""
        link = new_link()
        link.lose_at = {8}

        class Plain:
            def transmit(self, apdu: bytes) -> tuple[bytes, int]:
                answer: tuple[bytes, int] = link.transmit(apdu)
                return answer

        reading = reading_of(Plain())
        reading.open()
        with pytest.raises(CardLost):
            reading.read(SOD, quiet)
        assert link.reconnects == 0


class TestRefusedLengths:
    """Chips and readers without extended length."""

    def test_a_refusal_without_protection_opens_a_new_channel_with_short_pieces(self, new_link: NewLink) -> None:
        """6700 in plain ends secure messaging."""
        link, whole_link = new_link("no-extended-length"), new_link()
        reading, whole = reading_of(link), reading_of(whole_link)
        reading.open()
        whole.open()
        assert reading.read(DG2, quiet) == whole.read(DG2, quiet)
        assert reading.channels == 3
        assert all(len(command) < 262 for command in link.commands[-3:])

    def test_other_answers_without_protection_end_the_reading(self, new_link: NewLink) -> None:
        """6988: the chip gave the session up, and why is for a person to judge."""
        link = new_link()
        link.answer = lambda number, _command, answer: b"\x69\x88" if number == 8 else answer
        reading = reading_of(link)
        reading.open()
        with pytest.raises(SessionBroken, match="6988"):
            reading.read(SOD, quiet)
        assert link.pace_runs == 1

    def test_a_wrong_mac_is_never_read_past(self, new_link: NewLink) -> None:
        """Someone may sit in between."""
        link = new_link("wrong-mac-after=2")
        reading = reading_of(link)
        reading.open()
        reading.read(SOD, quiet)
        with pytest.raises(SessionBroken, match="MAC"):
            reading.read(DG2, quiet)
        assert link.pace_runs == 1


class TestLimits:
    """Deadline and cancel."""

    def test_a_cancel_is_heard_between_commands(self, new_link: NewLink) -> None:
        """No command follows it."""
        cancelled = Event()
        link = new_link()

        def cancel(number: int, _command: bytes, answer: bytes) -> bytes:
            if number == 10:
                cancelled.set()
            return answer

        link.answer = cancel
        reading = reading_of(link, rung=5, cancelled=cancelled)
        reading.open()
        with pytest.raises(Cancelled):
            reading.read(DG2, quiet)
        assert len(link.commands) == 11

    def test_a_passed_deadline_sends_nothing(self, new_link: NewLink) -> None:
        """Not even the first command."""
        link = new_link()
        limits = Limits(time.monotonic(), Event(), 5)
        with pytest.raises(DeviceTimeout):
            ChipReading(link, control(), Ladder(), limits, lambda _: None).open()
        assert link.commands == []
