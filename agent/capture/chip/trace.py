"""The commands of a reading, for technicians: what was asked and answered how, without secrets and personal data."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

from agent.capture.chip import apdu
from agent.capture.chip.secure_messaging import PROTECTED
from agent.capture.chip.transport import ReturningCard

# Whoever records BAC can search for its key, which is made of birth and expiry date: nothing of it is shown.
_SECRET = frozenset({apdu.EXTERNAL_AUTHENTICATE, apdu.GET_CHALLENGE})


class TracedCard:
    """A ReturningCard that tells of every command.

    Protected data stay out, though nobody could read them: neither keys nor plain text are known here.
    """

    def __init__(self, card: ReturningCard, tell: Callable[[str], None]) -> None:
        self._card, self._tell = card, tell

    @property
    def atr(self) -> bytes:
        """The card's answer to reset."""
        return self._card.atr

    @atr.setter
    def atr(self, value: bytes) -> None:
        self._card.atr = value

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command and tell of it; raise DeviceError."""
        started = time.monotonic()
        data, sw = self._card.transmit(apdu)
        took_ms = (time.monotonic() - started) * 1000
        shown = not apdu[0] & PROTECTED and apdu[1] not in _SECRET
        self._tell(f"> {_line(apdu[:4], apdu[4:], shown=shown)}")
        self._tell(f"< {_line(b'', data, shown=shown)} {sw:04X}  {took_ms:.1f} ms".replace("  ", " "))
        return data, sw

    def reconnect(self, deadline: float, cancelled: Event) -> None:
        """Wait for the card and tell of it; raise NoCard, Cancelled, DeviceError."""
        self._tell("= card lost, waiting for it")
        self._card.reconnect(deadline, cancelled)
        self._tell(f"= card back, ATR {self._card.atr.hex().upper()}")


def _line(header: bytes, body: bytes, *, shown: bool) -> str:
    text = header.hex().upper()
    if not body:
        return text
    return f"{text} {body.hex().upper() if shown else f'[{len(body)} bytes]'}".strip()
