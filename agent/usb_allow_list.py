"""Which USB devices a kiosk lets in: vendor, product, serial and port; everything else stays unauthorised.

The kernel's own switch does it (Documentation/usb/authorization.rst), set by udev: a device that is not on the list
gets no driver, and a keyboard gets none even inside a device that is, unless it was allowed as a keyboard.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.words import KioskError, Words

LIST, RULES = Path("/etc/kiosk/usb.toml"), Path("/etc/udev/rules.d/61-kiosk-usb.rules")
SYSFS = Path("/sys/bus/usb/devices")
HID, KEYBOARD = "03", "01"
MAX_BYTES = 100_000
_ID = re.compile(r"[0-9a-f]{4}")
# A device sits at bus-port.port…; usb1 is a root hub, 1-2:1.0 an interface.
_PORT = re.compile(r"[0-9]{1,3}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6}")
# In a udev rule a quote would end the value, and these are patterns (udev(7)).
_SERIAL = re.compile(r'[^"\\*?\[\]|{}$%\n]{0,126}')
HEAD = """\
# Made by `kiosk usb allow` from /etc/kiosk/usb.toml: not on the list, not let in. See docs/technician.md.
SUBSYSTEM!="usb", GOTO="kiosk_usb_end"
ACTION=="remove|unbind", GOTO="kiosk_usb_end"
ENV{DEVTYPE}=="usb_interface", GOTO="kiosk_usb_interface"
ENV{DEVTYPE}!="usb_device", GOTO="kiosk_usb_end"
KERNEL=="usb[0-9]*", ATTR{authorized_default}="0", GOTO="kiosk_usb_end"
"""
MIDDLE = """\
ATTR{authorized}="0", GOTO="kiosk_usb_end"
LABEL="kiosk_usb_interface"
ATTR{bInterfaceClass}!="03", GOTO="kiosk_usb_end"
ATTR{bInterfaceProtocol}!="01", GOTO="kiosk_usb_end"
"""
TAIL = """\
ATTR{authorized}="0"
LABEL="kiosk_usb_end"
"""


class UsbListInvalid(KioskError):
    """The list is no TOML, or a device of it is not told rightly; `detail` names it."""

    code = "usb.list_invalid"
    words = Words("Danh sách thiết bị USB không hợp lệ.", "The list of USB devices is not valid.")
    remedy = Words("Tạo lại bằng `sudo kiosk usb allow`.", "Make it again with `sudo kiosk usb allow`.")


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One device as sysfs and the list tell it: `vendor` and `product` are four hexadecimal digits."""

    port: str
    vendor: str
    product: str
    serial: str = ""
    name: str = ""
    keyboard: bool = False

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, pattern in (("port", _PORT), ("vendor", _ID), ("product", _ID), ("serial", _SERIAL))
            if not pattern.fullmatch(getattr(self, name))
        ]
        if wrong:
            raise UsbListInvalid(f"{self.vendor}:{self.product}: {', '.join(wrong)}")

    def __str__(self) -> str:
        return f"{self.vendor}:{self.product} at {self.port} {self.name}".rstrip()

    def same_kind(self, other: UsbDevice) -> bool:
        """Say whether vendor, product and port are the same; the serial may differ."""
        return (self.port, self.vendor, self.product) == (other.port, other.vendor, other.product)


@dataclass(frozen=True, slots=True)
class Plugged:
    """A device that is plugged in. `authorised`: the kernel lets drivers have it."""

    device: UsbDevice
    authorised: bool


def plugged_in(sysfs: Path = SYSFS) -> list[Plugged]:
    """Return what is plugged in, hubs inside the machine too, by port; what has no readable ids is left out."""
    found = (_device(folder) for folder in sorted(sysfs.glob("*")) if _PORT.fullmatch(folder.name))
    return [one for one in found if one is not None]


def parse_list(data: bytes) -> list[UsbDevice]:
    """Read /etc/kiosk/usb.toml; raise UsbListInvalid."""
    if len(data) > MAX_BYTES:
        raise UsbListInvalid(f"more than {MAX_BYTES} bytes")
    try:
        tables = tomllib.loads(data.decode()).get("device", [])
        return [UsbDevice(**{str(key): value for key, value in table.items()}) for table in tables]
    except (ValueError, TypeError, AttributeError) as error:
        raise UsbListInvalid(str(error)[:200]) from error


def list_text(devices: Iterable[UsbDevice]) -> str:
    """Return the list as a file; JSON's texts and booleans are TOML's."""
    lines = ["# USB devices that this kiosk lets in. Made by `kiosk usb allow`."]
    for device in devices:
        lines.append("\n[[device]]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in asdict(device).items()]
    return "\n".join(lines) + "\n"


def rules(devices: Sequence[UsbDevice]) -> str:
    """Return the udev rules of this list."""
    return HEAD + "".join(_let_in(devices)) + MIDDLE + "".join(_let_type(devices)) + TAIL


def _let_in(devices: Iterable[UsbDevice]) -> Iterator[str]:
    for one in devices:
        serial = f'ATTR{{serial}}=="{one.serial}"' if one.serial else 'ATTR{serial}!="?*"'
        ids = f'ATTR{{idVendor}}=="{one.vendor}", ATTR{{idProduct}}=="{one.product}"'
        yield f'KERNEL=="{one.port}", {ids}, {serial}, ATTR{{authorized}}="1", GOTO="kiosk_usb_end"\n'


def _let_type(devices: Iterable[UsbDevice]) -> Iterator[str]:
    for one in devices:
        if one.keyboard:
            yield f'KERNEL=="{one.port}:*", GOTO="kiosk_usb_end"\n'


def _device(folder: Path) -> Plugged | None:
    vendor, product = _text(folder / "idVendor"), _text(folder / "idProduct")
    if not (_ID.fullmatch(vendor) and _ID.fullmatch(product)):
        return None
    kinds = {
        (_text(interface / "bInterfaceClass"), _text(interface / "bInterfaceProtocol"))
        for interface in folder.glob(f"{folder.name}:*")
    }
    # A serial that cannot stand in a rule stands for none: the device is told by its port and ids.
    serial = _text(folder / "serial")
    serial = serial if _SERIAL.fullmatch(serial) else ""
    device = UsbDevice(folder.name, vendor, product, serial, _text(folder / "product")[:80], (HID, KEYBOARD) in kinds)
    return Plugged(device, _text(folder / "authorized") != "0")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
