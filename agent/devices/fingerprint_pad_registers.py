"""The U.are.U 4000/4500's protocol in numbers: registers, modes, interrupts, status bits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

READ_REGISTERS = 0xC0
WRITE_REGISTERS = 0x40
REGISTER_REQUEST = 0x04
INTERRUPT_IN = 0x81
BULK_IN = 0x82
INTERRUPT_BYTES = 64

# Bits of HWSTAT. Low power and fault together mean that the reader is caught in a reboot loop.
LOW_POWER = 0x80
FAULT = 0x04
ALIVE = 0x01
REBOOT_LOOP = LOW_POWER | FAULT
WAKE_MASK = 0x0F


class Register(IntEnum):
    """Register addresses."""

    HWSTAT = 0x0007
    SCRAMBLE_INDEX = 0x0033
    SCRAMBLE_KEY = 0x0034
    MODE = 0x004E
    DEVICE_INFO = 0x00F0


class Mode(IntEnum):
    """What the reader does; written to Register.MODE."""

    AWAIT_FINGER_ON = 0x10
    AWAIT_FINGER_OFF = 0x12
    CAPTURE = 0x20
    OFF = 0x70


class Interrupt(IntEnum):
    """The first two bytes of an interrupt, big-endian; the other 62 mean nothing."""

    FINGER_ON = 0x0101
    FINGER_OFF = 0x0200
    DEATH = 0x0800
    SCAN_POWER_ON = 0x56AA


@dataclass(frozen=True, slots=True)
class PadModel:
    """A model that we know. `rotated`: its pictures stand on their head. `supported`: this driver can use it."""

    name: str
    rotated: bool = False
    supported: bool = True


# By vendor and product id. Two are listed only so that the device list can say why they are not used.
MODELS = {
    (0x05BA, 0x000A): PadModel("U.are.U 4000B/4500", rotated=True),
    (0x05BA, 0x0007): PadModel("U.are.U 4000"),
    (0x05BA, 0x0008): PadModel("U.are.U 4000 keyboard"),
    (0x05BA, 0x000E): PadModel("DigitalPersona 05ba:000e", supported=False),
    (0x045E, 0x00CA): PadModel("Microsoft Fingerprint Reader v2", supported=False),
}
