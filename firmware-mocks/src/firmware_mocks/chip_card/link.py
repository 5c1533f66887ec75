"""The card's contacts: the TCP side of vpcd, the virtual reader inside pcscd.

Each message is a 2-byte big-endian length and as many bytes; a single byte is a control, not an APDU.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from enum import IntEnum

from firmware_mocks.chip_card.card import ATR, Card

_RETRY_S = 0.02
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
        on_powered: Callable[[], None] | None = None,
    ) -> None:
        self._card = card
        self._address = (host, port)
        self._slow_s = slow_ms / 1000
        self._apdus_left = vanish_after
        self._on_powered = on_powered
        self._present = threading.Event()
        self._present.set()
        self._ended = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

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
        if self._slow_s:
            time.sleep(self._slow_s)
        return self._card.transmit(message)

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
