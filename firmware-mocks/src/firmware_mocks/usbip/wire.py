"""The messages of USB/IP 1.1.1 (Linux, Documentation/usb/usbip_protocol.rst). All fields are big-endian."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

VERSION = 0x0111
BUS_ID_BYTES = 32
URB_HEADER_BYTES = 48
NOT_ISOCHRONOUS = 0xFFFFFFFF
# Nothing that our devices do needs more; a longer claim is refused before memory is taken for it.
MAX_TRANSFER_BYTES = 1 << 20

_OPERATION = struct.Struct(">HHI")
_DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")
_BASIC = struct.Struct(">IIIII")
_SUBMIT = struct.Struct(">IIIII8s")
_RETURN = struct.Struct(">iIIII8x")
DEVICE_BYTES = _DEVICE.size
OPERATION_BYTES = _OPERATION.size


class Operation(IntEnum):
    """Codes of the messages before a device is attached."""

    REQ_IMPORT = 0x8003
    REP_IMPORT = 0x0003
    REQ_DEVLIST = 0x8005
    REP_DEVLIST = 0x0005


class Command(IntEnum):
    """Codes of the messages of an attached device."""

    SUBMIT = 1
    UNLINK = 2
    RET_SUBMIT = 3
    RET_UNLINK = 4


class Status(IntEnum):
    """How an operation went."""

    OK = 0
    NOT_AVAILABLE = 1
    BUSY = 2
    ERROR = 3
    NO_DEVICE = 4


class WireError(Exception):
    """The other side broke the protocol or is gone."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device as the list and the import reply tell it."""

    bus_id: str
    bus: int
    address: int
    speed: int
    vendor: int
    product: int
    release: int
    device_class: tuple[int, int, int]
    configuration: int
    configurations: int
    interfaces: int

    def pack(self) -> bytes:
        """Return the 312 bytes of the record."""
        return _DEVICE.pack(
            f"/sys/devices/mock/{self.bus_id}".encode(),
            self.bus_id.encode(),
            self.bus,
            self.address,
            self.speed,
            self.vendor,
            self.product,
            self.release,
            *self.device_class,
            self.configuration,
            self.configurations,
            self.interfaces,
        )

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read 312 bytes; raises WireError for a bus id that is not text."""
        _, name, bus, address, speed, vendor, product, release, *rest = _DEVICE.unpack(data)
        try:
            bus_id = name.split(b"\0", 1)[0].decode("ascii")
        except UnicodeDecodeError as error:
            raise WireError("the bus id is not text") from error
        device_class = (rest[0], rest[1], rest[2])
        return cls(bus_id, bus, address, speed, vendor, product, release, device_class, rest[3], rest[4], rest[5])


@dataclass(frozen=True, slots=True)
class Submit:
    """CMD_SUBMIT without its data. `endpoint` is the number without direction."""

    number: int
    device: int
    is_in: bool
    endpoint: int
    length: int
    setup: bytes

    def pack(self) -> bytes:
        """Return the 48 bytes of the header."""
        basic = _BASIC.pack(Command.SUBMIT, self.number, self.device, int(self.is_in), self.endpoint)
        return basic + _SUBMIT.pack(0, self.length, 0, NOT_ISOCHRONOUS, 0, self.setup)


@dataclass(frozen=True, slots=True)
class Unlink:
    """CMD_UNLINK: take the transfer `target` back."""

    number: int
    device: int
    target: int

    def pack(self) -> bytes:
        """Return the 48 bytes of the message."""
        return _BASIC.pack(Command.UNLINK, self.number, self.device, 0, 0) + self.target.to_bytes(4, "big") + bytes(24)


@dataclass(frozen=True, slots=True)
class Return:
    """RET_SUBMIT or RET_UNLINK without data; `status` is 0 or a negative errno of Linux."""

    command: Command
    number: int
    status: int
    length: int = 0

    def pack(self) -> bytes:
        """Return the 48 bytes of the header."""
        basic = _BASIC.pack(self.command, self.number, 0, 0, 0)
        return basic + _RETURN.pack(self.status, self.length, 0, NOT_ISOCHRONOUS, 0)


def operation(code: Operation, status: Status = Status.OK) -> bytes:
    """Return the 8 bytes that open an operation."""
    return _OPERATION.pack(VERSION, code, status)


def parse_operation(data: bytes) -> tuple[int, int]:
    """Return code and status of an operation; raises WireError for another version."""
    version, code, status = _OPERATION.unpack(data)
    if version != VERSION:
        raise WireError(f"USB/IP version {version:04x}, not {VERSION:04x}")
    return code, status


def parse_command(data: bytes) -> Submit | Unlink:
    """Read the 48 bytes of a command from the host; raises WireError."""
    command, number, device, direction, endpoint = _BASIC.unpack(data[: _BASIC.size])
    if command == Command.UNLINK:
        return Unlink(number, device, int.from_bytes(data[20:24], "big"))
    if command != Command.SUBMIT:
        raise WireError(f"no command {command}")
    _, length, _, packets, _, setup = _SUBMIT.unpack(data[_BASIC.size :])
    if length > MAX_TRANSFER_BYTES:
        raise WireError(f"a transfer claims {length} bytes")
    if direction > 1 or endpoint > 15:
        raise WireError(f"no endpoint {endpoint}, direction {direction}")
    if packets not in (0, NOT_ISOCHRONOUS):
        raise WireError("isochronous transfers are not served")
    return Submit(number, device, bool(direction), endpoint, length, setup)


def parse_return(data: bytes) -> Return:
    """Read the 48 bytes of an answer from the device; raises WireError."""
    command, number, _, _, _ = _BASIC.unpack(data[: _BASIC.size])
    status, length, _, _, _ = _RETURN.unpack(data[_BASIC.size :])
    if command == Command.RET_UNLINK:
        return Return(Command.RET_UNLINK, number, status)
    if command != Command.RET_SUBMIT:
        raise WireError(f"no answer {command}")
    if length > MAX_TRANSFER_BYTES:
        raise WireError(f"an answer claims {length} bytes")
    return Return(Command.RET_SUBMIT, number, status, length)


def receive(connection: socket.socket, size: int) -> bytes:
    """Return exactly `size` bytes; raises WireError when the other side is gone."""
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        try:
            count = connection.recv_into(view[filled:])
        except OSError as error:
            raise WireError(str(error)) from error
        if count == 0:
            raise WireError("the connection ended")
        filled += count
    return bytes(data)
