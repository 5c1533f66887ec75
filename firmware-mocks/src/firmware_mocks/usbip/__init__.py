"""USB over TCP (USB/IP 1.1.1): a server for devices made in software, and a pyusb backend that reaches it."""

from firmware_mocks.usbip.device import InTransfer, Setup, Stall, UsbDevice
from firmware_mocks.usbip.server import UsbipServer

__all__ = ["InTransfer", "Setup", "Stall", "UsbDevice", "UsbipServer"]
