"""What a device made in software must be able to do, and the standard requests that all devices answer alike."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

_SETUP = struct.Struct("<BBHHH")

GET_STATUS, CLEAR_FEATURE, SET_FEATURE = 0, 1, 3
GET_DESCRIPTOR, GET_CONFIGURATION, SET_CONFIGURATION, SET_INTERFACE = 6, 8, 9, 11
DEVICE, CONFIGURATION, STRING, INTERFACE = 1, 2, 3, 4
ENGLISH = 0x0409
FULL_SPEED = 2


class Stall(Exception):
    """The device refuses a request: the host sees EPIPE."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The eight bytes that open a control transfer (USB 2.0, 9.3)."""

    request_type: int
    request: int
    value: int
    index: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read eight bytes."""
        return cls(*_SETUP.unpack(data))

    @property
    def is_in(self) -> bool:
        """Whether data flow to the host."""
        return bool(self.request_type & 0x80)

    @property
    def is_standard(self) -> bool:
        """Whether it is one of USB's own requests."""
        return self.request_type & 0x60 == 0


@dataclass(frozen=True, slots=True, eq=False)
class InTransfer:
    """A host waiting for up to `length` bytes of an IN endpoint.

    `complete` sends data, `fail` an errno; either has an effect once, and none after the host took the transfer back.
    """

    endpoint: int
    length: int
    complete: Callable[[bytes], None]
    fail: Callable[[int], None]


class UsbDevice(Protocol):
    """A device with one configuration. The methods are called from the server's threads."""

    @property
    def device_descriptor(self) -> bytes:
        """18 bytes (USB 2.0, 9.6.1)."""
        ...

    @property
    def configuration_descriptor(self) -> bytes:
        """Configuration, interfaces and endpoints in one piece (9.6.3)."""
        ...

    @property
    def strings(self) -> Sequence[str]:
        """String descriptors 1, 2, …."""
        ...

    def control(self, setup: Setup, data: bytes) -> bytes:
        """Answer a request that is not a standard one; raises Stall."""
        ...

    def submit(self, transfer: InTransfer) -> None:
        """Take a transfer and complete it when there are data; raises Stall for an endpoint that does not exist."""
        ...

    def withdraw(self, transfer: InTransfer) -> bool:
        """Forget a transfer that the host takes back; False when it was completed before, so that nothing is lost."""
        ...


def interfaces(configuration: bytes) -> list[tuple[int, int, int]]:
    """Return class, subclass and protocol of every interface in a configuration descriptor."""
    found, at = [], 0
    while at + 2 <= len(configuration) and configuration[at] >= 2:
        size, kind = configuration[at], configuration[at + 1]
        if kind == INTERFACE and at + 8 <= len(configuration):
            found.append((configuration[at + 5], configuration[at + 6], configuration[at + 7]))
        at += size
    return found


class StandardRequests:
    """Answers USB's own requests (USB 2.0, 9.4) for a device."""

    def __init__(self, device: UsbDevice) -> None:
        self._device = device
        self._configured = device.configuration_descriptor[5]

    def answer(self, setup: Setup) -> bytes:
        """Return the data of the answer; raises Stall."""
        if setup.request == GET_DESCRIPTOR and setup.is_in:
            return self._descriptor(setup.value >> 8, setup.value & 0xFF)[: setup.length]
        if setup.request == GET_CONFIGURATION and setup.is_in:
            return bytes([self._configured])
        if setup.request == GET_STATUS and setup.is_in:
            return bytes(2)
        if setup.request == SET_CONFIGURATION and setup.value in (0, self._device.configuration_descriptor[5]):
            self._configured = setup.value
            return b""
        if setup.request in (SET_INTERFACE, CLEAR_FEATURE, SET_FEATURE):
            return b""
        raise Stall

    def _descriptor(self, kind: int, index: int) -> bytes:
        if kind == DEVICE:
            return self._device.device_descriptor
        if kind == CONFIGURATION and index == 0:
            return self._device.configuration_descriptor
        if kind == STRING and index == 0:
            return bytes([4, STRING]) + ENGLISH.to_bytes(2, "little")
        if kind == STRING and index <= len(self._device.strings):
            text = self._device.strings[index - 1].encode("utf-16-le")
            return bytes([2 + len(text), STRING]) + text
        raise Stall
