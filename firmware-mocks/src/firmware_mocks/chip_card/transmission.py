"""Between the wire and the chip: chained commands, answers in pieces (61xx), and the Le that fits (6Cxx)."""

from __future__ import annotations

from collections.abc import Callable

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.apdu import Command, Ins, Refused, Sw
from firmware_mocks.chip_card.faults import Faults

CHAINED = 0x10  # ISO/IEC 7816-4, 5.4.1: this command is not the last of its chain
SECURED = 0x0C
SHORT_ANSWER = 256
# What a chain may come to; no command of Doc 9303 is longer.
MAX_CHAIN_BYTES = 4096

Execute = Callable[[Command], bytes]


class Transmission:
    """Turns what the wire carries into whole commands for `execute`, and whole answers into what the wire carries."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self.reset()

    def reset(self) -> None:
        """Forget half a chain and what waits for GET RESPONSE."""
        self._chain: tuple[bytes, bytes] | None = None
        self._rest = b""
        self._held: tuple[bytes, bytes] | None = None

    def transmit(self, raw: bytes, faults: Faults) -> bytes:
        """Answer one command of the wire; raises Refused for what is none."""
        command = Command.parse(raw)
        if command.extended and faults.no_extended_length:
            raise Refused(Sw.WRONG_LENGTH)
        if command.ins == Ins.GET_RESPONSE and not command.cla:
            return self._handed_out(self._rest, command.le, faults)
        whole = self._joined(command)
        if whole is None:
            return Sw.OK.to_bytes(2, "big")
        if faults.wire_6c and not command.extended and command.le:
            return self._exactly(raw, whole, faults)
        return self._handed_out(self._execute(whole), SHORT_ANSWER if not whole.extended else 0, faults)

    def _joined(self, command: Command) -> Command | None:
        """Return the whole command, or None when more of it is to come."""
        kind = command.header[1:]
        if self._chain and self._chain[0] != kind:
            self._chain = None  # ISO/IEC 7816-4, 5.4.1: another command ends the chain
        data = (self._chain[1] if self._chain else b"") + command.data
        if len(data) > MAX_CHAIN_BYTES:
            self._chain = None
            raise Refused(Sw.WRONG_LENGTH)
        if command.cla & CHAINED and not _step_of_pace(command, data):
            self._chain = kind, data
            return None
        self._chain = None
        return Command(command.cla, command.ins, command.p1, command.p2, data, command.le, command.extended)

    def _exactly(self, raw: bytes, command: Command, faults: Faults) -> bytes:
        """Answer 6Cxx first where Le asks for more than there is, and keep the answer for the same command again."""
        if self._held and self._held[0] == raw[:-1]:
            answer, self._held = self._held[1], None
            return answer
        answer = self._execute(command)
        there = len(answer) - 2
        if 0 < there < command.le:
            self._held = raw[:-1], answer
            return bytes([0x6C, there])
        return self._handed_out(answer, SHORT_ANSWER, faults)

    def _handed_out(self, answer: bytes, most: int, faults: Faults) -> bytes:
        """Return the answer, or its first piece and how much is left when it is longer than one answer may be."""
        most = min(most or len(answer), faults.pieces or len(answer))
        if len(answer) - 2 <= most:
            self._rest = b""
            return answer or Sw.CONDITIONS_NOT_SATISFIED.to_bytes(2, "big")
        self._rest = answer[most:]
        left = len(self._rest) - 2
        return answer[:most] + bytes([0x61, left if left < 256 else 0])


def _step_of_pace(command: Command, data: bytes) -> bool:
    """Say whether a command with the chaining bit is a whole step of PACE, which has its own answer (9303-11, 4.4.4).

    A long step in several commands ends where its template does.
    """
    if command.ins != Ins.GENERAL_AUTHENTICATE or command.cla & SECURED:
        return False
    try:
        tlv.single(data, 0x7C)
    except tlv.TlvError:
        return False
    return True
