"""The card reader, down to a real pcscd with a virtual reader, and the mock citizen card read through it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from firmware_mocks.card_reader import READER_NAME, CardProcess
from firmware_mocks.card_reader import CardReader as MockReader

from agent.capture.chip import (
    CardAccessNumber,
    ChipPolicy,
    ChipResult,
    TrustAnchors,
    WrongCan,
    read_chip,
)
from agent.capture.chip.pieces import PieceMemory
from agent.capture.evidence import Guidance, Verdict
from agent.devices.errors import (
    Cancelled,
    CardLost,
    DeviceError,
    DeviceTimeout,
    NoCard,
    NoPcscd,
    NoReader,
    ReaderBusy,
)
from agent.devices.seams import DeviceState
from agent.devices.smartcard import CardReader, CardSession, list_readers

GUARD_S = 30.0
SELECT_CARD_ACCESS = bytes.fromhex("00A4020C02011C")
READ_CARD_ACCESS = bytes.fromhex("00B0000000")


def connect(reader: CardReader | None = None, cancelled: Event | None = None) -> CardSession:
    """Wait for a card with a generous deadline."""
    return (reader or CardReader()).wait_for_card(time.monotonic() + GUARD_S, cancelled or Event())


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition with a generous deadline."""
    deadline = time.monotonic() + GUARD_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestListing:
    """What `kiosk devices` shows."""

    def test_readers_are_listed_with_their_cards(self, mock_reader: MockReader) -> None:
        """Two slots of vpcd, no card, then a card, then a card in use."""
        first, second = list_readers()
        assert first.kind == "card_reader"
        assert first.name.startswith(READER_NAME)
        assert {(first.state, first.detail), (second.state, second.detail)} == {(DeviceState.READY, "no card")}
        mock_reader.insert()
        until(lambda: list_readers()[0].detail == "card in")
        with connect():
            assert (list_readers()[0].state, list_readers()[0].detail) == (DeviceState.BUSY, "card in use")
        until(lambda: list_readers()[0].detail == "card in")

    def test_without_pcscd_the_service_is_named(self, mock_reader: MockReader) -> None:
        """Not the reader."""
        mock_reader.stop_pcscd()
        with pytest.raises(NoPcscd):
            list_readers()


class TestWaiting:
    """Cards in and out."""

    def test_a_card_that_lies_there_is_powered(self, mock_reader: MockReader) -> None:
        """Its answer to reset, and the first command."""
        card = mock_reader.insert()
        with connect() as session:
            assert session.atr.hex() == card.ready["atr"]
            assert session.reader.startswith(READER_NAME)
            assert session.transmit(SELECT_CARD_ACCESS) == (b"", 0x9000)
            assert session.transmit(READ_CARD_ACCESS)[0].startswith(b"\x31")

    def test_a_card_that_comes_is_found(self, mock_reader: MockReader) -> None:
        """While somebody waits."""
        waiting = Waiting(CardReader())
        mock_reader.insert()
        waiting.session().close()

    def test_nobody_placed_a_card(self, mock_reader: MockReader) -> None:
        """At the deadline the cause is the true one."""
        assert mock_reader.card is None
        with pytest.raises(NoCard):
            CardReader().wait_for_card(time.monotonic() + 0.3, Event())

    def test_no_reader_of_that_name(self, mock_reader: MockReader) -> None:
        """The configuration asks for another reader than is plugged in."""
        mock_reader.insert()
        with pytest.raises(NoReader, match="omnikey"):
            CardReader("OMNIKEY").wait_for_card(time.monotonic() + 0.3, Event())
        connect(CardReader("contactless READER 00 00")).close()

    def test_no_pcscd(self, mock_reader: MockReader) -> None:
        """The service is named, not the reader."""
        mock_reader.stop_pcscd()
        with pytest.raises(NoPcscd):
            CardReader().wait_for_card(time.monotonic() + 0.3, Event())

    def test_a_cancel_ends_the_wait(self, mock_reader: MockReader) -> None:
        """From another thread, long before the deadline; a cancelled wait does not begin."""
        assert mock_reader.card is None
        cancelled = Event()
        waiting = Waiting(CardReader(), cancelled)
        cancelled.set()
        assert isinstance(waiting.outcome(), Cancelled)
        with pytest.raises(Cancelled):
            connect(cancelled=cancelled)

    def test_a_card_in_use_is_busy(self, mock_reader: MockReader) -> None:
        """Held exclusively by somebody else, and free again afterwards."""
        mock_reader.insert()
        with connect(), pytest.raises(ReaderBusy):
            CardReader().wait_for_card(time.monotonic() + 0.5, Event())
        connect().close()

    def test_a_card_that_is_busy_for_a_moment_is_waited_for(self, mock_reader: MockReader) -> None:
        """Desktops and other services look at every new card."""
        mock_reader.insert()
        other = connect()
        waiting = Waiting(CardReader())
        other.close()
        waiting.session().close()


class Waiting:
    """A wait in another thread."""

    def __init__(self, reader: CardReader, cancelled: Event | None = None) -> None:
        self._found: list[CardSession | DeviceError] = []
        self._reader, self._cancelled = reader, cancelled or Event()
        self._thread = Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        try:
            self._found.append(connect(self._reader, self._cancelled))
        except DeviceError as error:
            self._found.append(error)

    def outcome(self) -> CardSession | DeviceError:
        """Return what came of it."""
        self._thread.join(GUARD_S)
        return self._found[0]

    def session(self) -> CardSession:
        """Return the session that came of it."""
        found = self.outcome()
        assert isinstance(found, CardSession), found
        return found


class TestService:
    """A pcscd that stops, restarts or hangs."""

    def test_a_restart_is_survived_while_waiting(self, mock_reader: MockReader) -> None:
        """The wait began under the old daemon and ends under the new one."""
        waiting = Waiting(CardReader())
        mock_reader.stop_pcscd()
        mock_reader.start_pcscd()
        mock_reader.insert()
        waiting.session().close()

    def test_a_daemon_that_starts_late_is_waited_for(self, mock_reader: MockReader) -> None:
        """The kiosk may be up before the service."""
        mock_reader.stop_pcscd()
        waiting = Waiting(CardReader())
        mock_reader.start_pcscd()
        mock_reader.insert()
        waiting.session().close()

    def test_a_stop_in_the_middle_is_named(self, mock_reader: MockReader) -> None:
        """The service went, not the card."""
        mock_reader.insert()
        with connect() as session:
            mock_reader.stop_pcscd()
            with pytest.raises(NoPcscd):
                session.transmit(SELECT_CARD_ACCESS)

    def test_a_session_goes_on_after_a_restart(self, mock_reader: MockReader) -> None:
        """The card has lain there all the time."""
        mock_reader.insert()
        with connect() as session:
            mock_reader.stop_pcscd()
            mock_reader.start_pcscd()
            with pytest.raises(DeviceError):
                session.transmit(SELECT_CARD_ACCESS)
            session.reconnect(time.monotonic() + GUARD_S, Event())
            assert session.transmit(SELECT_CARD_ACCESS) == (b"", 0x9000)


class TestCommands:
    """One command and its end."""

    def test_a_card_that_leaves_in_the_middle_is_lost(self, mock_reader: MockReader) -> None:
        """Its program ends at the second command."""
        mock_reader.insert(None, "--fault", "vanish-after=1")
        with connect() as session:
            session.transmit(SELECT_CARD_ACCESS)
            with pytest.raises(CardLost):
                session.transmit(READ_CARD_ACCESS)
            with pytest.raises(DeviceError):
                session.transmit(READ_CARD_ACCESS)

    def test_a_lifted_card_can_be_taken_up_again(self, mock_reader: MockReader) -> None:
        """The session waits for it."""
        card = mock_reader.insert()
        with connect() as session:
            card.leave()
            with pytest.raises(CardLost):
                _transmit_until_lost(session)
            card.come_back()
            session.reconnect(time.monotonic() + GUARD_S, Event())
            assert session.transmit(SELECT_CARD_ACCESS) == (b"", 0x9000)

    def test_a_card_that_does_not_come_back(self, mock_reader: MockReader) -> None:
        """The wait ends at its deadline."""
        card = mock_reader.insert()
        with connect() as session:
            card.leave()
            with pytest.raises(CardLost):
                _transmit_until_lost(session)
            until(lambda: not _present())
            with pytest.raises(NoCard):
                session.reconnect(time.monotonic() + 1, Event())
            with pytest.raises(CardLost, match="not connected"):
                session.transmit(SELECT_CARD_ACCESS)

    def test_no_answer_ends_at_the_deadline(self, mock_reader: MockReader) -> None:
        """A chip that does not answer holds pcscd's call; the session is unusable then, and can be left."""
        card = mock_reader.insert()
        with connect(CardReader(answer_within_s=0.3)) as session, silent(card):
            with pytest.raises(DeviceTimeout, match="hangs"):
                session.transmit(SELECT_CARD_ACCESS)
            with pytest.raises(DeviceTimeout, match="earlier call"):
                session.transmit(SELECT_CARD_ACCESS)

    def test_a_hanging_command_can_be_cancelled(self, mock_reader: MockReader) -> None:
        """Without waiting for the answer; when that has come after all, the card is free again."""
        card = mock_reader.insert()
        cancelled = Event()
        with silent_after(card) as silence, connect(cancelled=cancelled) as session:
            silence()
            cancelled.set()
            with pytest.raises(Cancelled):
                session.transmit(SELECT_CARD_ACCESS)
        connect().close()


@contextmanager
def silent_after(card: CardProcess) -> Iterator[Callable[[], None]]:
    """Give a function that stops the chip's program; at the end it goes on."""
    try:
        yield lambda: os.kill(card.pid, signal.SIGSTOP)
    finally:
        os.kill(card.pid, signal.SIGCONT)


@contextmanager
def silent(card: CardProcess) -> Iterator[None]:
    """Stop the chip's program for a while."""
    with silent_after(card) as silence:
        silence()
        yield


def _transmit_until_lost(session: CardSession) -> None:
    """Go on sending: a lifted card is noticed at the next command or the one after."""
    deadline = time.monotonic() + GUARD_S
    while time.monotonic() < deadline:
        session.transmit(SELECT_CARD_ACCESS)


class TestWholeCard:
    """The mock citizen card, read through pcscd."""

    def read(
        self,
        card: CardProcess,
        number: str = "",
        told: Callable[[Guidance], None] = lambda _: None,
        policy: ChipPolicy | None = None,
    ) -> ChipResult:
        """Read it with its own number, or with another."""
        with connect() as session:
            return read_chip(
                session,
                CardAccessNumber.from_number(number or card.number),
                number or card.number,
                TrustAnchors.from_der([card.csca.with_suffix(".der").read_bytes()]),
                policy or ChipPolicy(),
                told,
                deadline=time.monotonic() + GUARD_S,
                cancelled=Event(),
                pieces=PieceMemory(),
            )

    def test_every_verdict_of_a_good_card(self, mock_reader: MockReader) -> None:
        """All passed, the chip's own proofs among them."""
        result = self.read(mock_reader.insert())
        found = {check.name: check.verdict for check in result.evidence.checks}
        assert {"active_authentication", "chip_authentication"} <= set(found)
        assert set(found.values()) == {Verdict.PASSED}
        assert result.evidence.facts["apdus"] == "18"
        assert result.holder.full_name == "Nguyễn Thị Mẫu"

    def test_a_wrong_number_is_tried_once(self, mock_reader: MockReader) -> None:
        """The eighth command would be a second attempt: the card would vanish at it."""
        card = mock_reader.insert(None, "--fault", "vanish-after=7")
        with pytest.raises(WrongCan):
            self.read(card, number="001199999999")
        assert card.running

    def test_a_forged_card_fails_its_check(self, mock_reader: MockReader) -> None:
        """And is told as evidence, not as an error."""
        result = self.read(mock_reader.insert(None, "--fault", "forged-sod=DG2"))
        assert result.evidence.verdict is Verdict.FAILED
        assert "DG2" in result.evidence.reason

    def test_a_reader_without_extended_length(self, mock_reader: MockReader) -> None:
        """Short pieces, after a new start of the chip."""
        result = self.read(mock_reader.insert(None, "--fault", "no-extended-length"))
        assert result.evidence.verdict is Verdict.PASSED
        assert int(result.evidence.facts["piece_bytes"]) <= 256

    @pytest.mark.parametrize("lost_at", [0, 3, 6, 7, 10])
    def test_a_card_that_vanishes_is_lost(self, mock_reader: MockReader, lost_at: int) -> None:
        """At the beginning, in PACE, in the middle of the files: after the wait for it where there is one."""
        card = mock_reader.insert(None, "--fault", f"vanish-after={lost_at}")
        with pytest.raises(CardLost):
            self.read(card, policy=ChipPolicy(return_within_s=0.3))

    def test_a_card_that_is_lifted_and_put_back_is_read_on(self, mock_reader: MockReader) -> None:
        """The operator is told, and the record is whole."""
        card = mock_reader.insert()
        lifted = Event()

        def told(guidance: Guidance) -> None:
            if guidance.code == "chip.reading" and not lifted.is_set():
                lifted.set()
                card.leave()
                until(lambda: not _present())
            elif guidance.code == "chip.put_back":
                card.come_back()

        result = self.read(card, told=told)
        assert result.evidence.verdict is Verdict.PASSED
        assert result.evidence.facts["card_returns"] == "1"

    def test_a_restarted_service_is_read_on(self, mock_reader: MockReader) -> None:
        """The daemon went and came back in the middle of the files."""
        card = mock_reader.insert()
        restarted = Event()

        def told(guidance: Guidance) -> None:
            if guidance.code == "chip.reading" and not restarted.is_set():
                restarted.set()
                mock_reader.stop_pcscd()
                mock_reader.start_pcscd()

        result = self.read(card, told=told)
        assert result.evidence.verdict is Verdict.PASSED
        assert int(result.evidence.facts["card_returns"]) >= 1


def _present() -> bool:
    return any(info.detail != "no card" for info in list_readers())
