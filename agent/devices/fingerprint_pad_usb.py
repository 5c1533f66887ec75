"""Fingerprint readers on USB: finding, opening, transfers. The only module that imports pyusb."""

from __future__ import annotations

import errno
from importlib.metadata import entry_points
from threading import Lock
from typing import Any

import usb.core
import usb.util
from usb.backend import libusb1

from agent.devices.errors import (
    DeviceError,
    DeviceTimeout,
    NoLibusb,
    NoPad,
    PadBusy,
    PadFault,
    PadLost,
    PadNotPermitted,
    UsbBackendMissing,
)
from agent.devices.fingerprint_pad_registers import (
    BULK_IN,
    INTERRUPT_BYTES,
    INTERRUPT_IN,
    MODELS,
    READ_REGISTERS,
    REGISTER_REQUEST,
    WRITE_REGISTERS,
    PadModel,
)
from agent.devices.seams import DeviceInfo, DeviceState

KIND = "fingerprint_pad"
LIBUSB = "libusb"
DRIVER = "kiosk uru4000"
BACKENDS_GROUP = "intake_kiosk.usb_backends"
CONTROL_MS = 5000
VENDOR_INTERFACE = (0xFF, 0xFF, 0xFF)

UsbBackend = Any  # Any: pyusb has no types
UsbDevice = Any  # Any: pyusb has no types

# libusb's backend says NotImplementedError where the system cannot do something.
_USB_ERRORS = (usb.core.USBError, NotImplementedError)
_LOST = {errno.ENODEV, errno.ESHUTDOWN, errno.EIO, errno.ENOENT, errno.EPROTO, errno.ECONNRESET}
# Listing claims a reader for an instant; without this an opening at the same time would be told "busy".
_claiming = Lock()
# What this process has claimed, by bus and address: it is not another program that holds those.
_ours: set[tuple[int, int]] = set()


def usb_backend(name: str = LIBUSB, address: str = "", *, development: bool = False) -> UsbBackend:
    """Return pyusb's way to the bus: libusb, or with `development` one that another package brings.

    Raises NoLibusb when the library is not installed, UsbBackendMissing for any other name that cannot be used.
    """
    if name == LIBUSB:
        backend = libusb1.get_backend()
        if backend is None:
            raise NoLibusb
        return backend
    if not development:
        raise UsbBackendMissing(f"{name} outside development")
    for entry in entry_points(group=BACKENDS_GROUP, name=name):
        try:
            return entry.load()(address)
        except ValueError as error:
            raise UsbBackendMissing(f"pad.address: {error}") from error
    raise UsbBackendMissing(f"no backend {name}")


def list_pads(backend: UsbBackend) -> list[DeviceInfo]:
    """Return every fingerprint reader that we know, with what keeps it from being used, if anything does."""
    found = []
    for device in _known(backend):
        model, address = _model(device), f"bus {device.bus:03d} device {device.address:03d}"
        state, detail = _probe(device, model)
        found.append(DeviceInfo(KIND, model.name, address, state, detail, DRIVER if model.supported else ""))
    return found


def _probe(device: UsbDevice, model: PadModel) -> tuple[DeviceState, str]:
    if not model.supported:
        return DeviceState.FAILED, "this model is not supported"
    if _place(device) in _ours:
        return DeviceState.BUSY, "in use by the kiosk"
    try:
        UsbPad(device).close()
    except PadBusy as error:
        return DeviceState.BUSY, str(error)
    except DeviceError as error:
        return DeviceState.FAILED, str(error)
    return DeviceState.READY, ""


def open_usb_pad(backend: UsbBackend) -> UsbPad:
    """Open and claim the first supported reader; raises NoPad, PadBusy, PadNotPermitted or PadLost."""
    known = _known(backend)
    supported = [device for device in known if _model(device).supported]
    if not supported:
        raise NoPad("; ".join(f"{_model(device).name} is not supported" for device in known))
    return UsbPad(supported[0])


class UsbPad:
    """A claimed reader: registers, interrupts and frames as bytes. Safe to use from one thread per endpoint."""

    def __init__(self, device: UsbDevice) -> None:
        self.model = _model(device)
        self._device = device
        with _claiming:
            try:
                usb.util.claim_interface(device, _interface_number(device))
            except _USB_ERRORS as error:
                usb.util.dispose_resources(device)
                raise _translated(error) from error
            _ours.add(_place(device))

    def close(self) -> None:
        """Let go of the reader; no transfer may be outstanding."""
        with _claiming:
            _ours.discard(_place(self._device))
            usb.util.dispose_resources(self._device)

    def serial(self) -> str:
        """Return the serial number that the reader states, empty when it states none; raises DeviceError."""
        try:
            return str(self._device.serial_number or "").strip("\0 ")
        except ValueError:
            # A reader without languages has no strings either.
            return ""
        except _USB_ERRORS as error:
            raise _translated(error) from error

    def read_registers(self, first: int, count: int) -> bytes:
        """Read `count` registers from `first` on; raises DeviceError."""
        try:
            data = self._device.ctrl_transfer(READ_REGISTERS, REGISTER_REQUEST, first, 0, count, CONTROL_MS)
        except _USB_ERRORS as error:
            raise _translated(error) from error
        if len(data) != count:
            raise PadFault(f"{len(data)} of {count} registers from {first:04x}")
        return bytes(data)

    def write_registers(self, first: int, values: bytes) -> None:
        """Write registers from `first` on; raises DeviceError."""
        try:
            written = self._device.ctrl_transfer(WRITE_REGISTERS, REGISTER_REQUEST, first, 0, values, CONTROL_MS)
        except _USB_ERRORS as error:
            raise _translated(error) from error
        if written != len(values):
            raise PadFault(f"{written} of {len(values)} registers to {first:04x}")

    def read_interrupt(self, timeout_ms: int) -> bytes:
        """Wait for one interrupt; raises DeviceTimeout when none came, or another DeviceError."""
        return self._read(INTERRUPT_IN, INTERRUPT_BYTES, timeout_ms)

    def read_bulk(self, size: int, timeout_ms: int) -> bytes:
        """Read one bulk transfer of up to `size` bytes; raises DeviceTimeout or another DeviceError."""
        return self._read(BULK_IN, size, timeout_ms)

    def _read(self, endpoint: int, size: int, timeout_ms: int) -> bytes:
        try:
            return bytes(self._device.read(endpoint, size, timeout_ms))
        except _USB_ERRORS as error:
            raise _translated(error) from error


def _known(backend: UsbBackend) -> list[UsbDevice]:
    def is_known(device: UsbDevice) -> bool:
        return (device.idVendor, device.idProduct) in MODELS

    try:
        return list(usb.core.find(find_all=True, backend=backend, custom_match=is_known))
    except usb.core.USBError as error:
        raise NoPad(str(error)) from error


def _model(device: UsbDevice) -> PadModel:
    return MODELS[device.idVendor, device.idProduct]


def _place(device: UsbDevice) -> tuple[int, int]:
    return int(device.bus), int(device.address)


def _interface_number(device: UsbDevice) -> int:
    """Find the vendor's own interface; keyboards and mice with a reader have others before it."""
    for interface in device.get_active_configuration():
        kind = (interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol)
        if kind == VENDOR_INTERFACE:
            return int(interface.bInterfaceNumber)
    raise PadFault("the reader has no interface FF/FF/FF")


def _translated(error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if isinstance(error, usb.core.USBTimeoutError) or number == errno.ETIMEDOUT:
        return DeviceTimeout(str(error))
    if number in _LOST:
        return PadLost(str(error))
    if number in (errno.EACCES, errno.EPERM):
        return PadNotPermitted(str(error))
    if number == errno.EBUSY:
        return PadBusy(str(error))
    return PadFault(str(error))
