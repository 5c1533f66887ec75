"""Numbers of the reader's protocol and what a real one says about itself."""

from __future__ import annotations

from enum import IntEnum

DEVICE_DESCRIPTOR = bytes.fromhex("1201000200000040BA050A00030101020301")
CONFIGURATION_DESCRIPTOR = bytes.fromhex("0902200001010080640904000002FFFFFF000705810340000807058202400000")
STRINGS = (
    "DigitalPersona, Inc.",
    "U.are.U® 4500 Fingerprint Reader",
    "{6D6F636B-0000-4000-8000-000000004500}",
)
DEVICE_INFORMATION = bytes.fromhex("1a0a1a0a0115000000200010 8b211130")

REQUEST = 0x04
READ, WRITE = 0xC0, 0x40
INTERRUPT_IN, BULK_IN = 0x81, 0x82
INTERRUPT_BYTES = 64

LOW_POWER, ALIVE = 0x80, 0x01
REBOOTING = 0x85


class Register(IntEnum):
    """Where the registers are."""

    HWSTAT = 0x07
    SCRAMBLE_INDEX = 0x33
    SCRAMBLE_KEY = 0x34
    MODE = 0x4E
    DEVICE_INFO = 0xF0


class Mode(IntEnum):
    """Values of the mode register."""

    INIT = 0x00
    AWAIT_FINGER_ON = 0x10
    AWAIT_FINGER_OFF = 0x12
    CAPTURE = 0x20
    OFF = 0x70


class Interrupt(IntEnum):
    """First two bytes of an interrupt, big-endian, in the order of the firmware's table."""

    FINGER_ON = 0x0101
    FINGER_OFF = 0x0200
    DEATH = 0x0800
    UNKNOWN_1000 = 0x1000
    UNKNOWN_2000 = 0x2000
    UNKNOWN_8000 = 0x8000
    SCAN_POWER_ON = 0x56AA

    def payload(self) -> bytes:
        """Return the 64 bytes sent: the firmware's memory from this entry of its table on."""
        kinds = list(Interrupt)
        memory = b"".join(kind.to_bytes(2, "big") for kind in kinds[kinds.index(self) :])
        return memory.ljust(INTERRUPT_BYTES, b"\0")
