"""Command APDUs as the chip sees them, and the status words it answers with (ISO/IEC 7816-4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self


class Sw(IntEnum):
    """Status words (ISO/IEC 7816-4, tables 5 and 6)."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    AUTHENTICATION_FAILED = 0x6300
    TRIES_LEFT = 0x63C0
    TRY_LEFT = 0x63C1
    TWO_TRIES_LEFT = 0x63C2
    WRONG_LENGTH = 0x6700
    NO_SECURE_MESSAGING = 0x6882
    NOT_AUTHENTICATED = 0x6982
    AUTHENTICATION_BLOCKED = 0x6983
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_FILE = 0x6986
    SM_OBJECTS_MISSING = 0x6987
    SM_OBJECTS_INCORRECT = 0x6988
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    WRONG_P1_P2 = 0x6A86
    REFERENCE_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00


class Ins(IntEnum):
    """Instruction bytes the chip knows (ISO/IEC 7816-4, table 4)."""

    MANAGE_SECURITY_ENVIRONMENT = 0x22
    EXTERNAL_AUTHENTICATE = 0x82
    GET_CHALLENGE = 0x84
    GENERAL_AUTHENTICATE = 0x86
    INTERNAL_AUTHENTICATE = 0x88
    SELECT = 0xA4
    GET_RESPONSE = 0xC0
    READ_BINARY = 0xB0
    READ_BINARY_ODD = 0xB1


class Refused(Exception):
    """The chip refuses the command; `sw` is what it answers."""

    def __init__(self, sw: Sw) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Command:
    """One command APDU. `le` is the number of bytes asked for: 0 none, 256 or 65536 the most there is."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    le: int = 0
    extended: bool = False

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes([self.cla, self.ins, self.p1, self.p2])

    @property
    def wants_all(self) -> bool:
        """Le asks for as much as fits, so that fewer bytes are no warning."""
        return self.le in (256, 65536)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the seven forms of ISO/IEC 7816-3, 12.1.3; raises Refused (6700) for any other."""
        if len(raw) < 4:
            raise Refused(Sw.WRONG_LENGTH)
        body = raw[4:]
        extended = len(body) > 1 and body[0] == 0
        data, le = _extended(body) if extended else _short(body)
        return cls(raw[0], raw[1], raw[2], raw[3], data=data, le=le, extended=extended)


def _short(body: bytes) -> tuple[bytes, int]:
    if not body:
        return b"", 0
    if len(body) == 1:
        return b"", body[0] or 256
    lc, rest = body[0], body[1:]
    if len(rest) == lc:
        return rest, 0
    if len(rest) == lc + 1:
        return rest[:lc], rest[lc] or 256
    raise Refused(Sw.WRONG_LENGTH)


def _extended(body: bytes) -> tuple[bytes, int]:
    if len(body) < 3:
        raise Refused(Sw.WRONG_LENGTH)
    number, rest = int.from_bytes(body[1:3], "big"), body[3:]
    if not rest:
        return b"", number or 65536
    if number and len(rest) == number:
        return rest, 0
    if number and len(rest) == number + 2:
        return rest[:number], int.from_bytes(rest[number:], "big") or 65536
    raise Refused(Sw.WRONG_LENGTH)
