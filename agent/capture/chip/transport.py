"""What lies between a command and the wire: deadline, cancel, counting, and answers handed out in pieces."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Protocol, runtime_checkable

from agent.capture.chip.apdu import GET_RESPONSE, PIECES_LEFT, SHORT_MAX, WRONG_EXPECTED, Command
from agent.capture.chip.errors import ChipDataError
from agent.devices.seams import CardLink

# No answer of a chip is longer: an extended Le asks for 65,536 bytes at most.
MAX_ANSWER_BYTES = 65536


@runtime_checkable
class ReturningCard(Protocol):
    """A CardLink that can wait for its card to come back after it was lost."""

    atr: bytes

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As CardLink's."""
        ...

    def reconnect(self, deadline: float, cancelled: Event) -> None:
        """Wait for a card and power it anew; raise NoCard at `deadline` (time.monotonic()), Cancelled, DeviceError."""
        ...


class GuardedLink:
    """A CardLink that looks at deadline and cancel before each command, and counts commands and bytes."""

    def __init__(self, link: CardLink, check: Callable[[], None]) -> None:
        self._link, self._check = link, check
        self.apdus = self.bytes_read = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command; raise what `check` raises, or DeviceError."""
        self._check()
        self.apdus += 1
        data, sw = self._link.transmit(apdu)
        self.bytes_read += len(data)
        return data, sw


class WholeAnswers:
    """A CardLink that collects answers given in pieces (61xx) and repeats a command with the Le that fits (6Cxx).

    ISO/IEC 7816-4, 5.3.4 and 5.6. A chip that never ends, or never gives the announced bytes, is refused.
    """

    def __init__(self, link: CardLink) -> None:
        self._link = link

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command and return its whole answer; raise ChipDataError, DeviceError."""
        data, sw = self._fitting(apdu)
        whole = bytearray(data)
        while sw >> 8 == PIECES_LEFT:
            piece, sw = self._fitting(_get_response(sw & 0xFF))
            if not piece and sw >> 8 == PIECES_LEFT:
                raise ChipDataError("61xx without end")
            whole += piece
            if len(whole) > MAX_ANSWER_BYTES:
                raise ChipDataError("answer of more than 65,536 bytes")
        return bytes(whole), sw

    def _fitting(self, command: bytes) -> tuple[bytes, int]:
        data, sw = self._link.transmit(command)
        if sw >> 8 == WRONG_EXPECTED and not data and _has_short_expected(command):
            data, sw = self._link.transmit(command[:-1] + bytes([sw & 0xFF]))
        return data, sw


def _get_response(expected: int) -> bytes:
    return Command(GET_RESPONSE, 0, 0, expected=expected or SHORT_MAX).encode()


def _has_short_expected(command: bytes) -> bool:
    """Say whether the command ends with a one-byte Le (cases 2S and 4S of ISO/IEC 7816-3, 12.1.3)."""
    return len(command) == 5 or (len(command) > 5 and command[4] != 0 and len(command) == 6 + command[4])
