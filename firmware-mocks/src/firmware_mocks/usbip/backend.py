"""A pyusb backend (`usb.backend.IBackend`) that reaches devices over USB/IP instead of the machine's own bus.

`usb.core.find(backend=get_backend("127.0.0.1:3240"))`. Errors carry the errno that libusb's backend would carry.
"""

from __future__ import annotations

import errno
import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

from usb.backend import IBackend
from usb.core import USBError, USBTimeoutError

from firmware_mocks.usbip import device as usb2
from firmware_mocks.usbip.connection import Attachment, Listed, TransferError, deadline_s, listed
from firmware_mocks.usbip.descriptors import Descriptors
from firmware_mocks.usbip.wire import WireError

DESCRIPTOR_MS = 5000


@dataclass(frozen=True, slots=True)
class RemoteDevice:
    """A device of the server as pyusb holds it."""

    listed: Listed
    descriptors: Descriptors


@dataclass(slots=True)
class Handle:
    """An opened device. Without `attachment` another host has it, which the claim will say, as on a real bus."""

    attachment: Attachment | None
    descriptors: Descriptors
    claimed: set[int] = field(default_factory=set)


class UsbipBackend(IBackend):  # type: ignore[misc] # pyusb has no types
    """The backend for the server at `address` (host, port)."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def enumerate_devices(self) -> Iterator[RemoteDevice]:
        """Return the server's devices; raises USBError when there is no server."""
        try:
            found = listed(self._address)
        except (OSError, WireError) as error:
            raise USBError(f"no USB/IP server: {error}", None, errno.ECONNREFUSED) from error
        for one in found:
            yield RemoteDevice(one, self._described(one))

    def get_parent(self, dev: RemoteDevice) -> None:
        """There are no hubs here."""

    def get_device_descriptor(self, dev: RemoteDevice) -> SimpleNamespace:
        """Return the fields of the device descriptor and the place on the bus."""
        record = dev.listed.record
        place = {"bus": record.bus, "address": record.address, "speed": record.speed}
        return SimpleNamespace(**dev.descriptors.device_fields(), **place, port_number=None, port_numbers=None)

    def get_configuration_descriptor(self, dev: RemoteDevice, config: int) -> SimpleNamespace:
        """Return the fields of the only configuration."""
        if config != 0:
            raise IndexError(f"no configuration {config}")
        return _named(dev.descriptors.configuration_fields())

    def get_interface_descriptor(self, dev: RemoteDevice, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Return the fields of an interface; raises IndexError when there is none, which ends pyusb's search."""
        return _named(dev.descriptors.interface_fields(intf, alt))

    def get_endpoint_descriptor(self, dev: RemoteDevice, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Return the fields of an endpoint; raises IndexError when there is none."""
        return _named(dev.descriptors.endpoint_fields(ep, intf, alt))

    def open_device(self, dev: RemoteDevice) -> Handle:
        """Attach the device; raises USBError ENODEV when it is gone."""
        try:
            return Handle(Attachment(self._address, dev.listed.record.bus_id), dev.descriptors)
        except TransferError as error:
            if error.errno != errno.EBUSY:
                raise _usb_error(error.errno) from error
            return Handle(None, dev.descriptors)
        except OSError as error:
            raise _usb_error(errno.ENODEV) from error

    def close_device(self, dev_handle: Handle) -> None:
        """Detach the device."""
        if dev_handle.attachment is not None:
            dev_handle.attachment.close()

    def get_configuration(self, dev_handle: Handle) -> int:
        """Return the active configuration's value."""
        return dev_handle.descriptors.configuration[5]

    def set_configuration(self, dev_handle: Handle, config_value: int) -> None:
        """Choose the configuration."""
        setup = struct.pack("<BBHHH", 0, usb2.SET_CONFIGURATION, config_value, 0, 0)
        self._control(dev_handle, setup, b"", DESCRIPTOR_MS)

    def set_interface_altsetting(self, dev_handle: Handle, intf: int, altsetting: int) -> None:
        """Choose an alternate setting."""
        setup = struct.pack("<BBHHH", 1, usb2.SET_INTERFACE, altsetting, intf, 0)
        self._control(dev_handle, setup, b"", DESCRIPTOR_MS)

    def claim_interface(self, dev_handle: Handle, intf: int) -> None:
        """Raise USBError EBUSY when another host has the device."""
        if dev_handle.attachment is None:
            raise _usb_error(errno.EBUSY)
        dev_handle.claimed.add(intf)

    def release_interface(self, dev_handle: Handle, intf: int) -> None:
        """Give the interface back."""
        dev_handle.claimed.discard(intf)

    def bulk_read(self, dev_handle: Handle, ep: int, intf: int, buff: array[int], timeout: int) -> int:
        """Fill `buff` from a bulk IN endpoint and return the bytes read; `timeout` is in ms, 0 for ever."""
        attachment = _attached(dev_handle)
        try:
            data = attachment.transfer_in(ep, len(buff) * buff.itemsize, deadline_s(timeout))
        except TransferError as error:
            raise _usb_error(error.errno) from error
        memoryview(buff).cast("B")[: len(data)] = data
        return len(data)

    def intr_read(self, dev_handle: Handle, ep: int, intf: int, buff: array[int], timeout: int) -> int:
        """As `bulk_read`, from an interrupt endpoint."""
        return self.bulk_read(dev_handle, ep, intf, buff, timeout)

    def ctrl_transfer(
        self,
        dev_handle: Handle,
        bmRequestType: int,  # noqa: N803 # pyusb's name
        bRequest: int,  # noqa: N803 # pyusb's name
        wValue: int,  # noqa: N803 # pyusb's name
        wIndex: int,  # noqa: N803 # pyusb's name
        data: array[int],
        timeout: int,
    ) -> int:
        """Run a control transfer and return the bytes sent or filled into `data`."""
        length = len(data) * data.itemsize
        setup = struct.pack("<BBHHH", bmRequestType, bRequest, wValue, wIndex, length)
        if not bmRequestType & 0x80:
            self._control(dev_handle, setup, data.tobytes(), timeout)
            return length
        answer = self._control(dev_handle, setup, b"", timeout)
        memoryview(data).cast("B")[: len(answer)] = answer
        return len(answer)

    def clear_halt(self, dev_handle: Handle, ep: int) -> None:
        """Clear an endpoint's halt."""
        setup = struct.pack("<BBHHH", 2, usb2.CLEAR_FEATURE, 0, ep, 0)
        self._control(dev_handle, setup, b"", DESCRIPTOR_MS)

    def is_kernel_driver_active(self, dev_handle: Handle, intf: int) -> bool:
        """No kernel knows these devices."""
        return False

    def _control(self, handle: Handle, setup: bytes, data: bytes, timeout_ms: int) -> bytes:
        try:
            return _attached(handle).control(setup, data, deadline_s(timeout_ms))
        except TransferError as error:
            raise _usb_error(error.errno) from error

    def _described(self, one: Listed) -> Descriptors:
        """Ask the device for its descriptors; when another host has it, the list must do."""
        try:
            attachment = Attachment(self._address, one.record.bus_id)
        except (TransferError, OSError):
            return Descriptors.from_list(one.record, one.interfaces)
        try:
            device = _descriptor(attachment, usb2.DEVICE, 18)
            return Descriptors(device, _descriptor(attachment, usb2.CONFIGURATION, 255))
        except TransferError:
            return Descriptors.from_list(one.record, one.interfaces)
        finally:
            attachment.close()


def get_backend(address: str) -> UsbipBackend:
    """Return the backend for a server at `address` (host:port); raises ValueError for anything else."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"{address!r} is not host:port")
    return UsbipBackend((host, int(port)))


def _descriptor(attachment: Attachment, kind: int, length: int) -> bytes:
    setup = struct.pack("<BBHHH", 0x80, usb2.GET_DESCRIPTOR, kind << 8, 0, length)
    data = attachment.control(setup, b"", deadline_s(DESCRIPTOR_MS))
    if len(data) < (18 if kind == usb2.DEVICE else 9):
        raise TransferError(errno.EPROTO)
    return data


def _named(fields: dict[str, int]) -> SimpleNamespace:
    return SimpleNamespace(**fields, extra_descriptors=[])


def _attached(handle: Handle) -> Attachment:
    if handle.attachment is None:
        raise _usb_error(errno.EBUSY)
    return handle.attachment


def _usb_error(number: int) -> USBError:
    if number == errno.ESHUTDOWN:
        number = errno.ENODEV
    kind = USBTimeoutError if number == errno.ETIMEDOUT else USBError
    return kind(os.strerror(number), -number, number)
