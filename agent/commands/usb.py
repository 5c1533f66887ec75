"""`kiosk usb`: what is plugged in, and what is let in."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.usb_allow_list import Plugged, UsbDevice, list_text, parse_list, plugged_in, rules
from agent.words import KioskError, Words

COLUMNS = ("Cổng · Port", "Thiết bị · Device", "Số sê-ri · Serial", "Bàn phím · Keyboard", "Được phép · Allowed")
ALLOWED = Words("Đã ghi danh sách và luật udev. Kích hoạt:", "List and udev rules are written. To put them in force:")
RELOAD = "udevadm control --reload && udevadm trigger --subsystem-match=usb --action=add"


class KeyboardPlugged(KioskError):
    """Keyboards are plugged in that were not named; `detail` has their ports."""

    code = "usb.keyboard_plugged"
    words = Words("Đang cắm bàn phím chưa được chỉ định.", "A keyboard is plugged in that was not named.")
    remedy = Words(
        "Rút bàn phím, hoặc chỉ định cổng của nó: --keyboard 1-3.",
        "Unplug it, or name its port: --keyboard 1-3.",
    )


class UsbNotWritten(KioskError):
    """The list or the rules cannot be written; `detail` names the file and why."""

    code = "usb.not_written"
    words = Words("Không ghi được danh sách USB.", "The list of USB devices cannot be written.")
    remedy = Words("Chạy lại bằng sudo.", "Run it with sudo.")


Look = Callable[[], Sequence[Plugged]]


def show(screen: Screen, list_path: Path, look: Look = plugged_in) -> ExitCode:
    """Print what is plugged in and whether it is on the list. Raises UsbListInvalid, UsbNotWritten."""
    allowed = _listed(list_path)
    found = look()
    if screen.as_json:
        screen.json([_row(one, allowed) for one in found])
        return ExitCode.OK
    rows = [
        (
            one.device.port,
            f"{one.device.vendor}:{one.device.product} {one.device.name}",
            one.device.serial or "—",
            "✓" if one.device.keyboard else "",
            "✓" if _on(one.device, allowed) else "✗",
        )
        for one in found
    ]
    screen.table("USB", COLUMNS, rows)
    return ExitCode.OK


def allow(
    screen: Screen, list_path: Path, rules_path: Path, keyboards: Collection[str], look: Look = plugged_in
) -> ExitCode:
    """Let in what is plugged in now, and nothing else from then on. Raises KeyboardPlugged, UsbNotWritten."""
    devices = [one.device for one in look()]
    unnamed = [device.port for device in devices if device.keyboard and device.port not in keyboards]
    if unnamed:
        raise KeyboardPlugged(", ".join(unnamed))
    # The list first: rules without it are only stricter than they say.
    _write(list_path, list_text(devices))
    _write(rules_path, rules(devices))
    if screen.as_json:
        screen.json({"allowed": len(devices), "list": str(list_path), "rules": str(rules_path)})
        return ExitCode.OK
    screen.say(ALLOWED)
    screen.line(RELOAD, "")
    return ExitCode.OK


def _row(one: Plugged, allowed: Sequence[UsbDevice]) -> dict[str, object]:
    device = one.device
    ids = {"port": device.port, "vendor": device.vendor, "product": device.product, "serial": device.serial}
    flags = {"keyboard": device.keyboard, "allowed": _on(device, allowed), "authorised": one.authorised}
    return {**ids, "name": device.name, **flags}


def _on(device: UsbDevice, allowed: Sequence[UsbDevice]) -> bool:
    return any(device.same_kind(one) and device.serial == one.serial for one in allowed)


def _listed(path: Path) -> list[UsbDevice]:
    try:
        return parse_list(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsbNotWritten(f"{path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.new")
    try:
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(0o644)
        scratch.replace(path)
    except OSError as error:
        raise UsbNotWritten(f"{path}: {error.strerror}") from error
