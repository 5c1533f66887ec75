"""`kiosk devices`: what is plugged in and how it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import load_config
from agent.console.client import KioskClient
from agent.console.errors import DaemonUnreachable

KINDS = {
    "card_reader": "Đầu đọc thẻ · Card reader",
    "camera": "Máy ảnh · Camera",
    "fingerprint_pad": "Đầu đọc vân tay · Fingerprint pad",
}


def show(screen: Screen, socket: Path, config: Path) -> ExitCode:
    """Print every device; FAILED unless each kind has at least one that is ready."""
    try:
        with KioskClient(socket) as client:
            found = client.devices()
    except DaemonUnreachable:
        found = _without_daemon(config)
    if screen.as_json:
        screen.json(found)
    else:
        rows = [
            (str(KINDS.get(d["kind"], d["kind"])), d["name"], d["address"], str(d["state"]), _detail(d)) for d in found
        ]
        screen.table(
            "Thiết bị · Devices",
            ("Loại · Kind", "Tên · Name", "Địa chỉ · Address", "Trạng thái · State", "Chi tiết · Detail"),
            rows,
        )
    ready = {d["kind"] for d in found if d["state"] in ("ready", "busy")}
    return ExitCode.OK if ready >= set(KINDS) else ExitCode.FAILED


def _detail(device: Mapping[str, Any]) -> str:
    """Return who drives it and what else there is to say."""
    return " · ".join(text for text in (device.get("driver", ""), device["detail"]) if text)


def _without_daemon(config: Path) -> list[Mapping[str, Any]]:
    # The device libraries are loaded only when the devices are asked directly.
    from agent.daemon import device_families  # noqa: PLC0415
    from agent.diagnostics import list_devices  # noqa: PLC0415

    return [asdict(device) for device in list_devices(device_families(load_config(config)))]
