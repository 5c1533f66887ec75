"""`kiosk status`: connection, waiting records, certificate and clock in a few lines, from the daemon."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.console.client import KioskClient

DAY_NS = 86_400 * 10**9
# A clock that is off by more than this is worth a word.
CLOCK_OFF_NS = 60 * 10**9

Told = Mapping[str, Any]  # Any: the API's JSON


def show(screen: Screen, socket: Path) -> ExitCode:
    """Print what the daemon says; exit code 7 when certificate or connection need somebody."""
    with KioskClient(socket) as client:
        status = client.status()
    failing = status["uplink"]["error"] or status["certificate"]["error"]
    code = ExitCode.WARNINGS if failing else ExitCode.OK
    if screen.as_json:
        screen.json(status)
        return code
    rows = [
        ("Kiosk", f"{status['kiosk']} · {status['station']} · {status['version']}"),
        ("Trung tâm · Collector", _connection(status["uplink"])),
        ("Hồ sơ chờ · Waiting records", str(status["queue"]["pending"])),
        ("Chứng thư · Certificate", certificate_words(status["certificate"], time.time_ns())),
        ("Đồng hồ · Clock", _clock(status["certificate"]["clock_offset_ns"])),
    ]
    screen.table("Trạng thái · Status", ("Mục · Item", "Giá trị · Value"), rows)
    return code


def certificate_words(certificate: Told, now_ns: int) -> str:
    """Say how old the certificate is, how long it is good, and whether it renews itself."""
    ends_ns = certificate["expires_at_ns"]
    if ends_ns is None:
        return "chưa rõ · not known"
    left, age = (ends_ns - now_ns) / DAY_NS, (now_ns - certificate["begins_at_ns"]) / DAY_NS
    good = f"{age:.1f} ngày tuổi, còn {left:.1f} · {age:.1f} days old, {left:.1f} left"
    if left <= 0:
        good = f"đã hết hạn {-left:.1f} ngày · expired {-left:.1f} days ago"
    if certificate["error"]:
        return f"{good}; không gia hạn được · not renewed: {certificate['error']['code']}"
    return good if certificate["renews_itself"] else f"{good}; không tự gia hạn · does not renew itself"


def _connection(uplink: Told) -> str:
    if uplink["connected"]:
        return "đã kết nối · connected"
    error = uplink["error"]
    return f"chưa kết nối · not connected: {error['code']}" if error else "đang kết nối · connecting"


def _clock(offset_ns: int | None) -> str:
    if offset_ns is None:
        return "chưa hỏi trung tâm · the collector was not asked yet"
    if abs(offset_ns) < CLOCK_OFF_NS:
        return "đúng · right"
    behind = "chậm · behind" if offset_ns > 0 else "nhanh · ahead"
    return f"{behind} {abs(offset_ns) / 10**9:.0f} s"
