"""The card's contacts: the TCP side of vpcd, the virtual reader inside pcscd.

Each message is a 2-byte big-endian length and as many bytes; a single byte is a control, not an APDU.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.link_model import LinkModel

_RETRY_S = 0.02
# pcscd looks at a reader every 0.4 s: a card must be away for longer to be missed.
AWAY_S = 0.6
FIRST_CONNECTION_S = 10.0


class Control(IntEnum):
    """One-byte messages of vpcd."""

    OFF = 0
    ON = 1
    RESET = 2
    GET_ATR = 4


class NoReader(ConnectionError):
    """Nobody listens where the reader should be."""


class _FieldLost(Exception):
    """The card has left the field, or the reader is gone."""


class _Lifted(Exception):
    """The card has left the field and will be back."""


@dataclass
class Report:
    """What the card saw: commands, their bytes and those of the answers; seconds that the chip and the link took."""

    apdus: int = 0
    command_bytes: int = 0
    answer_bytes: int = 0
    chip_s: float = 0.0
    link_s: float = 0.0


class Field:
    """Puts a card into the field of the reader at `host`:`port` and keeps it answering until told to leave."""

    def __init__(
        self,
        card: Card,
        port: int,
        host: str = "127.0.0.1",
        *,
        slow_ms: int = 0,
        vanish_after: int | None = None,
        lost_at: int | None = None,
        link: LinkModel | None = None,
        on_powered: Callable[[], None] | None = None,
    ) -> None:
        self._card = card
        self._address = (host, port)
        self.report = Report()
        self.suffer(slow_ms=slow_ms, vanish_after=vanish_after, lost_at=lost_at, link=link)
        self._on_powered = on_powered
        self._present = threading.Event()
        self._present.set()
        self._ended = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def suffer(
        self,
        *,
        slow_ms: int = 0,
        vanish_after: int | None = None,
        lost_at: int | None = None,
        link: LinkModel | None = None,
    ) -> None:
        """Change what is wrong with the link; counts begin anew."""
        self._slow_s, self._link = slow_ms / 1000, link or LinkModel()
        self._apdus_left, self._apdus_until_lost = vanish_after, lost_at

    def leave(self) -> None:
        """Take the card out of the field; `come_back` puts it in again."""
        self._present.clear()
        self._hang_up()

    def come_back(self) -> None:
        """Put the same card into the field again."""
        self._present.set()

    def end(self) -> None:
        """Let `serve` return."""
        self._ended = True
        self._present.set()
        self._hang_up()

    def serve(self) -> None:
        """Answer until `end` or until the fault vanish-after strikes; a restarted reader finds the card again.

        Raises NoReader when nobody listens at the port for the first ten seconds.
        """
        deadline = time.monotonic() + FIRST_CONNECTION_S
        connected_once = False
        while not self._ended and self._apdus_left != -1:
            self._present.wait()
            try:
                self._lie_in_field()
                connected_once = True
            except ConnectionRefusedError as error:
                if not connected_once and time.monotonic() > deadline:
                    raise NoReader(f"no virtual reader at {self._address[0]}:{self._address[1]}") from error
                time.sleep(_RETRY_S)

    def _lie_in_field(self) -> None:
        with socket.create_connection(self._address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._socket = connection
            try:
                while not self._ended and self._present.is_set():
                    self._answer(connection, self._message(connection))
            except _Lifted:
                self._card.reset()
                time.sleep(AWAY_S)
            except (_FieldLost, OSError):
                self._card.reset()
            finally:
                with self._lock:
                    self._socket = None

    def _message(self, connection: socket.socket) -> bytes:
        size = int.from_bytes(_receive(connection, 2), "big")
        return _receive(connection, size)

    def _answer(self, connection: socket.socket, message: bytes) -> None:
        if len(message) != 1:
            _send(connection, self._apdu(message))
        elif message[0] == Control.GET_ATR:
            _send(connection, ATR)
            if self._on_powered:
                self._on_powered()
                self._on_powered = None
        elif message[0] in (Control.OFF, Control.ON, Control.RESET):
            self._card.reset()

    def _apdu(self, message: bytes) -> bytes:
        if self._apdus_left is not None:
            self._apdus_left -= 1
            if self._apdus_left < 0:
                self._apdus_left = -1
                raise _FieldLost
        if self._apdus_until_lost is not None:
            self._apdus_until_lost -= 1
            if self._apdus_until_lost < 0:
                self._apdus_until_lost = None
                raise _Lifted
        started = time.monotonic()
        answer = self._card.transmit(message)
        took_s, on_the_way_s = time.monotonic() - started, self._link.seconds(message, answer)
        self._note(len(message), len(answer), took_s, on_the_way_s)
        if self._slow_s + on_the_way_s:
            time.sleep(self._slow_s + on_the_way_s)
        return answer

    def _note(self, command_bytes: int, answer_bytes: int, chip_s: float, link_s: float) -> None:
        report = self.report
        report.apdus += 1
        report.command_bytes += command_bytes
        report.answer_bytes += answer_bytes
        report.chip_s += chip_s
        report.link_s += link_s

    def _hang_up(self) -> None:
        with self._lock:
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        # the kernel forgets it after every receive; delayed ACKs against vpcd's two writes cost 40 ms each
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if not chunk:
            raise _FieldLost
        data += chunk
    return bytes(data)


def _send(connection: socket.socket, payload: bytes) -> None:
    connection.sendall(len(payload).to_bytes(2, "big") + payload)
