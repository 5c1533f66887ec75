"""Where a camera is, and why it cannot be opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent.devices.errors import CameraBusy, CameraNotAllowed, CameraNotPermitted, DeviceError, NoCamera
from agent.devices.seams import DeviceInfo, DeviceState

KIND = "camera"
DEV = Path("/dev")
SYSFS = Path("/sys/class/video4linux")
_NODE = re.compile(r"/dev/video(\d+)")


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A camera as configured: a V4L2 index, a device path below /dev (links too), or, in development, a URL."""

    source: str

    @classmethod
    def parse(cls, source: int | str, *, development: bool) -> CameraAddress:
        """Check a configured source; raise CameraNotAllowed for anything but a device outside development."""
        address = cls(str(source))
        if not address.is_device and not development:
            raise CameraNotAllowed
        return address

    @property
    def is_device(self) -> bool:
        """A V4L2 device, not a URL."""
        return self.source.isdecimal() or self.source.startswith(f"{DEV}/")

    @property
    def node(self) -> Path:
        """The device's path with links followed: /dev/v4l/by-id/… stays the same camera on another socket."""
        return DEV / f"video{self.source}" if self.source.isdecimal() else Path(os.path.realpath(self.source))

    @property
    def present(self) -> bool:
        """The device is plugged in; of a URL nothing is known before it is opened."""
        return not self.is_device or self.node.exists()

    @property
    def opened_as(self) -> str:
        """What VideoCapture opens: an index or a URL."""
        match = _NODE.fullmatch(str(self.node))
        return match[1] if self.is_device and match else self.source

    @property
    def name(self) -> str:
        """The product's name, as the driver tells it."""
        return _name(self.node.name) if self.is_device else "MJPEG"

    def why_not_opened(self) -> DeviceError:
        """Return the true cause why VideoCapture could not open it."""
        if not self.is_device:
            return NoCamera(f"{self.source} does not answer with pictures")
        if not self.present:
            return NoCamera(f"{self.node} does not exist")
        if not os.access(self.node, os.R_OK | os.W_OK):
            return CameraNotPermitted(str(self.node))
        return CameraBusy(str(self.node))


def list_cameras() -> list[DeviceInfo]:
    """Return the V4L2 cameras and whether this user may open them."""
    found = []
    for entry in sorted(SYSFS.glob("video*")) if SYSFS.exists() else []:
        path = DEV / entry.name
        allowed = os.access(path, os.R_OK | os.W_OK)
        state, detail = (DeviceState.READY, "") if allowed else (DeviceState.FAILED, "not permitted: group `video`")
        found.append(DeviceInfo(KIND, _name(entry.name), str(path), state, detail))
    return found


def _name(node: str) -> str:
    try:
        return (SYSFS / node / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return node
