"""Devices on the wire, for development and tests: each mock speaks the device's own protocol."""
