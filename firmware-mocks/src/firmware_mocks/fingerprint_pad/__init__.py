"""A U.are.U 4500 fingerprint reader on USB/IP, with any grey picture or a synthetic print as the finger."""

from firmware_mocks.fingerprint_pad.pad import MockPad, PadError
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger

__all__ = ["MockPad", "PadError", "synthetic_finger"]
