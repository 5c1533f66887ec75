"""Every device as found now, each asked on its own so that a dead one never hides the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.config import Config
from agent.devices.errors import DeviceError
from agent.devices.fingerprint_pad_drivers import PadChoice
from agent.devices.seams import DeviceInfo, DeviceState

ListDevices = Callable[[], list[DeviceInfo]]


def pad_choice(config: Config) -> PadChoice:
    """Return the fingerprint reader as configured."""
    pad, kiosk = config.pad, config.kiosk
    folder = kiosk.data_folder / "pad"
    return PadChoice(pad.backend, pad.address, pad.driver, pad.x_ppi, pad.y_ppi, folder, kiosk.development)


def list_devices(families: Mapping[str, ListDevices]) -> list[DeviceInfo]:
    """Ask each family (kind -> lister); a family with nothing, or with an error, is one row that says so."""
    found: list[DeviceInfo] = []
    for kind, lister in families.items():
        try:
            found += lister() or [DeviceInfo(kind, "—", "", DeviceState.ABSENT, "none found")]
        except DeviceError as error:
            found.append(DeviceInfo(kind, "—", "", DeviceState.FAILED, str(error)))
    return found
