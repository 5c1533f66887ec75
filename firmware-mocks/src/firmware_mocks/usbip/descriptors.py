"""USB descriptors (USB 2.0, 9.6) as named fields."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from firmware_mocks.usbip.device import CONFIGURATION, DEVICE, INTERFACE
from firmware_mocks.usbip.wire import DeviceRecord

ENDPOINT = 5
_DEVICE = struct.Struct("<BBHBBBBHHHBBBB")
_CONFIGURATION = struct.Struct("<BBHBBBBB")
_INTERFACE = struct.Struct("<9B")
_ENDPOINT = struct.Struct("<BBBBHB")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DEVICE_FIELDS = _names(
    "bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol bMaxPacketSize0 idVendor idProduct "
    "bcdDevice iManufacturer iProduct iSerialNumber bNumConfigurations"
)
CONFIGURATION_FIELDS = _names(
    "bLength bDescriptorType wTotalLength bNumInterfaces bConfigurationValue iConfiguration bmAttributes bMaxPower"
)
INTERFACE_FIELDS = _names(
    "bLength bDescriptorType bInterfaceNumber bAlternateSetting bNumEndpoints bInterfaceClass bInterfaceSubClass "
    "bInterfaceProtocol iInterface"
)
ENDPOINT_FIELDS = _names("bLength bDescriptorType bEndpointAddress bmAttributes wMaxPacketSize bInterval")


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What a device says about itself: the device descriptor and the whole configuration in bytes."""

    device: bytes
    configuration: bytes

    @classmethod
    def from_list(cls, record: DeviceRecord, interfaces: Iterable[tuple[int, int, int]]) -> Self:
        """Make up what the device list knows, for a device that cannot be asked: no strings, no endpoints."""
        numbers = (record.vendor, record.product, record.release, 0, 0, 0, record.configurations)
        device = _DEVICE.pack(_DEVICE.size, DEVICE, 0x0200, *record.device_class, 64, *numbers)
        parts = [_INTERFACE.pack(9, INTERFACE, number, 0, 0, *kind, 0) for number, kind in enumerate(interfaces)]
        size = _CONFIGURATION.size + sum(map(len, parts))
        head = _CONFIGURATION.pack(9, CONFIGURATION, size, len(parts), record.configuration, 0, 0x80, 50)
        return cls(device, head + b"".join(parts))

    def device_fields(self) -> dict[str, int]:
        """Return the device descriptor's fields by USB's names."""
        return dict(zip(DEVICE_FIELDS, _DEVICE.unpack(self.device), strict=True))

    def configuration_fields(self) -> dict[str, int]:
        """Return the configuration's own fields."""
        return dict(zip(CONFIGURATION_FIELDS, _CONFIGURATION.unpack_from(self.configuration), strict=True))

    def interface_fields(self, interface: int, alternate: int) -> dict[str, int]:
        """Return the fields of the interface with this place in the configuration; raises IndexError."""
        at = self._interface_at(interface, alternate)
        return dict(zip(INTERFACE_FIELDS, _INTERFACE.unpack_from(self.configuration, at), strict=True))

    def endpoint_fields(self, endpoint: int, interface: int, alternate: int) -> dict[str, int]:
        """Return the fields of an interface's endpoint by its place; raises IndexError."""
        at = self._endpoints_from(self._interface_at(interface, alternate) + 9)[endpoint]
        fields = dict(zip(ENDPOINT_FIELDS, _ENDPOINT.unpack_from(self.configuration, at), strict=True))
        return fields | {"bRefresh": 0, "bSynchAddress": 0}

    def _interface_at(self, interface: int, alternate: int) -> int:
        data, number, at, seen = self.configuration, -1, 0, -1
        while at + 9 <= len(data) and data[at] >= 2:
            if data[at + 1] == INTERFACE:
                if data[at + 2] != seen:
                    seen, number = data[at + 2], number + 1
                if (number, data[at + 3]) == (interface, alternate):
                    return at
            at += data[at]
        raise IndexError(f"no interface {interface}, alternate setting {alternate}")

    def _endpoints_from(self, at: int) -> list[int]:
        data, found = self.configuration, list[int]()
        while at + 7 <= len(data) and data[at] >= 2 and data[at + 1] != INTERFACE:
            if data[at + 1] == ENDPOINT:
                found.append(at)
            at += data[at]
        return found
