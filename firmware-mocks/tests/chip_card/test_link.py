from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from firmware_mocks.chip_card import link
from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.link import Field

GUARD_S = 20.0
SELECT_MF = bytes.fromhex("00A4000C023F00")
CARD_ACCESS = bytes.fromhex("00A4020C02011C")
InField = Callable[..., AbstractContextManager[Field]]


@pytest.fixture
def reader() -> Iterator[socket.socket]:
    """Listen as vpcd does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(GUARD_S)
        yield server


@pytest.fixture
def in_field(new_card: Callable[..., Card], reader: socket.socket) -> InField:
    """Put a card into the reader's field for the length of a block."""

    @contextmanager
    def lie(*, slow_ms: int = 0, vanish_after: int | None = None) -> Iterator[Field]:
        port = reader.getsockname()[1]
        field = Field(new_card(), port, slow_ms=slow_ms, vanish_after=vanish_after)
        thread = threading.Thread(target=field.serve)
        thread.start()
        try:
            yield field
        finally:
            field.end()
            thread.join(GUARD_S)
        assert not thread.is_alive()

    return lie


def connection(reader: socket.socket) -> socket.socket:
    """Accept the card."""
    accepted, _ = reader.accept()
    accepted.settimeout(GUARD_S)
    return accepted


def say(card: socket.socket, message: bytes) -> None:
    """Send one message in vpcd's two writes."""
    card.sendall(len(message).to_bytes(2, "big"))
    card.sendall(message)


def ask(card: socket.socket, message: bytes) -> bytes:
    """Send one message and read the answer; empty when the card is gone."""
    say(card, message)
    with card.makefile("rb", buffering=0) as stream:
        size = stream.read(2) or b""
        return stream.read(int.from_bytes(size, "big")) or b""


def test_card_answers_atr_and_commands(reader: socket.socket, in_field: InField) -> None:
    """One byte is a control, anything else a command."""
    with in_field(), connection(reader) as card:
        assert ask(card, b"\x04") == ATR
        assert ask(card, SELECT_MF).hex() == "6d00"
        assert ask(card, b"").hex() == "6700"


@pytest.mark.parametrize("control", [b"\x00", b"\x01", b"\x02"], ids=["off", "on", "reset"])
def test_power_controls_reset_the_card(reader: socket.socket, in_field: InField, control: bytes) -> None:
    """A selected file does not outlive the power."""
    with in_field(), connection(reader) as card:
        assert ask(card, CARD_ACCESS).hex() == "9000"
        say(card, control)
        assert ask(card, bytes.fromhex("00B0000004")).hex() == "6986"


def test_card_leaves_and_comes_back(reader: socket.socket, in_field: InField) -> None:
    """Leaving hangs up; coming back connects again."""
    with in_field() as field:
        with connection(reader) as card:
            assert ask(card, b"\x04") == ATR
            field.leave()
            assert card.recv(1) == b""
        field.come_back()
        with connection(reader) as card:
            assert ask(card, b"\x04") == ATR


def test_card_finds_a_restarted_reader(reader: socket.socket, in_field: InField) -> None:
    """A reader that hangs up is looked for again."""
    with in_field():
        connection(reader).close()
        with connection(reader) as card:
            assert ask(card, b"\x04") == ATR


def test_card_vanishes_after_its_count(reader: socket.socket, in_field: InField) -> None:
    """The third command gets no answer and the card does not come back."""
    with in_field(vanish_after=2), connection(reader) as card:
        assert ask(card, SELECT_MF).hex() == "6d00"
        assert ask(card, SELECT_MF).hex() == "6d00"
        assert ask(card, SELECT_MF) == b""
        reader.settimeout(0.2)
        with pytest.raises(TimeoutError):
            reader.accept()


def test_slow_card_still_answers(reader: socket.socket, in_field: InField) -> None:
    """The fault slow only takes time."""
    with in_field(slow_ms=30), connection(reader) as card:
        assert ask(card, SELECT_MF).hex() == "6d00"


def test_card_without_reader_gives_up(new_card: Callable[..., Card], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the port is an error with the address."""
    monkeypatch.setattr(link, "FIRST_CONNECTION_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(link.NoReader, match=str(port)):
        Field(new_card(), port).serve()
