"""What a technician asks: which devices are there and what is wrong with them."""

from agent.diagnostics.devices import ListDevices, list_devices

__all__ = ["ListDevices", "list_devices"]
