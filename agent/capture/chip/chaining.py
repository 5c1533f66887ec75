"""Long commands for chips and readers without extended length: command chaining (ISO/IEC 7816-4, 5.3.3)."""

from __future__ import annotations

from agent.capture.chip import apdu
from agent.capture.chip.apdu import build
from agent.capture.chip.secure_messaging import PROTECTED
from agent.devices.seams import CardLink

CHAINED = 0x10  # bit of CLA: more of this command follows
PIECE_BYTES = 255
# What a refusal of these means the ladder of the file reader finds out: it may be the size alone.
_READS = frozenset({apdu.READ_BINARY, apdu.READ_BINARY_ODD})


class ChainedCommands:
    """A CardLink that says an extended command in short pieces, once the extended form was refused (6700).

    A command under secure messaging is protected first and then cut. Its refusal ended the session, so it is only
    remembered; a plain command is said again at once, which no password is spent on.
    """

    def __init__(self, link: CardLink) -> None:
        self._link = link
        self.chains = False

    def transmit(self, command: bytes) -> tuple[bytes, int]:
        """Send one command; raise DeviceError."""
        parts = None if command[1] in _READS else _extended(command)
        if parts is None:
            return self._link.transmit(command)
        if self.chains:
            return self._chain(command[:4], *parts)
        data, sw = self._link.transmit(command)
        if sw != apdu.WRONG_LENGTH or data:
            return data, sw
        self.chains = True
        return (data, sw) if command[0] & PROTECTED else self._chain(command[:4], *parts)

    def _chain(self, header: bytes, data: bytes, expected: int) -> tuple[bytes, int]:
        pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)] or [b""]
        unfinished = bytes([header[0] | CHAINED]) + header[1:]
        for piece in pieces[:-1]:
            _, sw = self._link.transmit(build(unfinished, piece, 0, extended=False))
            if sw != apdu.OK:
                return b"", sw
        # A longer answer is handed out in pieces (61xx).
        return self._link.transmit(build(header, pieces[-1], expected and apdu.SHORT_MAX, extended=False))


def _extended(command: bytes) -> tuple[bytes, int] | None:
    """Return data and Le (65536 for the most) of an extended command; None for a short one."""
    if len(command) < 7 or command[4] != 0:
        return None
    if len(command) == 7:
        return b"", int.from_bytes(command[5:]) or 65536
    end = 7 + int.from_bytes(command[5:7])
    if len(command) not in (end, end + 2):
        return None
    return command[7:end], (int.from_bytes(command[end:]) or 65536) if len(command) > end else 0
