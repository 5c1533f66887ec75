"""Which devices there are, by kind: with and without a running daemon."""

from __future__ import annotations

from agent.config import Config
from agent.devices.camera_address import list_cameras
from agent.devices.fingerprint_pad_drivers import list_readers_of
from agent.devices.smartcard import list_readers
from agent.diagnostics import ListDevices
from agent.diagnostics.devices import pad_choice


def device_families(config: Config) -> dict[str, ListDevices]:
    """Return the listers of each kind of device."""
    return {
        "card_reader": list_readers,
        "camera": list_cameras,
        "fingerprint_pad": lambda: list_readers_of(pad_choice(config)),
    }
