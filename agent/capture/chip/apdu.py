"""Command APDUs, short and extended (ISO 7816-4, 5.1), and the status words we act on."""

from __future__ import annotations

from dataclasses import dataclass, field

OK = 0x9000
END_OF_FILE = 0x6282
AUTHENTICATION_FAILED = 0x6300
WRONG_LENGTH = 0x6700
SECURITY_NOT_SATISFIED = 0x6982
SM_OBJECTS_INCORRECT = 0x6988
WRONG_DATA = 0x6A80
NOT_FOUND = 0x6A82

SELECT = 0xA4
GET_RESPONSE = 0xC0
READ_BINARY = 0xB0
READ_BINARY_ODD = 0xB1
MANAGE_SECURITY_ENVIRONMENT = 0x22
EXTERNAL_AUTHENTICATE = 0x82
GET_CHALLENGE = 0x84
GENERAL_AUTHENTICATE = 0x86
INTERNAL_AUTHENTICATE = 0x88

SHORT_MAX = 256
PIECES_LEFT = 0x61  # first byte of 61xx: xx more bytes wait for GET RESPONSE
WRONG_EXPECTED = 0x6C  # first byte of 6Cxx: xx is the Le that fits


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `expected` is Ne, the most bytes wanted (0: none; 256 and 65536 are the forms' maxima)."""

    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    expected: int = 0
    cla: int = 0

    @property
    def extended(self) -> bool:
        """Whether the command needs the extended form."""
        return len(self.data) > 255 or self.expected > SHORT_MAX

    def encode(self) -> bytes:
        """Return the APDU's bytes."""
        return build(bytes([self.cla, self.ins, self.p1, self.p2]), self.data, self.expected, extended=self.extended)


def build(header: bytes, data: bytes, expected: int, *, extended: bool) -> bytes:
    """Join header, Lc, data and Le in the short or extended form."""
    if not extended:
        body = bytes([len(data)]) + data if data else b""
        return header + body + (bytes([expected & 0xFF]) if expected else b"")
    body = b"\0" + len(data).to_bytes(2) + data if data else b""
    if not expected:
        return header + body
    return header + body + (b"" if data else b"\0") + (expected & 0xFFFF).to_bytes(2)
