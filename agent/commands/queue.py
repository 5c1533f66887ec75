"""`kiosk queue`: the durable local queue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.console.client import KioskClient

LABELS = {
    "pending": "Chờ gửi · Waiting",
    "pending_bytes": "Dung lượng chờ · Waiting, bytes",
    "sent_seq": "Đã gửi đến số · Sent through seq",
    "acknowledged": "Đã ký nhận, số tiếp theo · Acknowledged, next seq",
    "next_seq": "Số hồ sơ tiếp theo · Next seq",
    "oldest_pending_s": "Hồ sơ chờ lâu nhất (giây) · Oldest waiting, seconds",
    "receipted_kept": "Đã ký nhận, còn giữ · Receipted, still kept",
    "free_bytes": "Còn trống (byte) · Free bytes",
}


def show(screen: Screen, socket: Path, config: Path) -> ExitCode:
    """Print the queue and the uplink as the daemon sees them."""
    with KioskClient(socket) as client:
        status = client.status()
    if screen.as_json:
        screen.json(status)
        return ExitCode.OK
    queue, uplink = status["queue"], status["uplink"]
    rows = [(label, _cell(queue.get(key))) for key, label in LABELS.items() if key in queue]
    screen.table("Hàng đợi · Queue", ("Mục · Item", "Giá trị · Value"), rows)
    connected = "đã kết nối · connected" if uplink["connected"] else "chưa kết nối · not connected"
    screen.line(f"Trung tâm: {connected} {uplink.get('address', '')}", "")
    if uplink.get("quiet"):
        screen.line("Giờ yên lặng theo chính sách: hồ sơ chờ tại kiosk.", "Quiet hours: records wait here.", "yellow")
    _print_losses(screen, uplink)
    error = uplink.get("error")
    if error:
        screen.line(
            f"  {error['words']['vi']} → {error['remedy']['vi']}",
            f"{error['words']['en']} → {error['remedy']['en']} {error['detail']}",
            "red",
        )
    if queue.get("lost"):
        seqs = ", ".join(map(str, queue["lost"]))
        screen.line(
            f"✗ Hồ sơ hỏng ở kiosk này, số {seqs}: mời những người này thu nhận lại.",
            f"Damaged on this kiosk: {seqs}. Take these people in again.",
            "red",
        )
    _print_centre(screen, status.get("centre", {}))
    if uplink.get("quarantined"):
        seqs = ", ".join(map(str, uplink["quarantined"]))
        screen.line(
            f"✗ Trung tâm không dùng được hồ sơ số {seqs}: mời những người này thu nhận lại.",
            f"The collector cannot use records {seqs}: take these people in again.",
            "red",
        )
    return ExitCode.OK


def _print_centre(screen: Screen, centre: Mapping[str, Any]) -> None:
    refused = centre.get("bundle_refused")
    if refused:
        what = f"{refused['kind']} {refused['version']}: {refused['code']}"
        screen.line(f"✗ Đã từ chối gói tin cậy {what}", f"A bundle of the centre was refused: {what}", "red")
    if centre.get("bundles_waiting"):
        screen.line("Gói tin cậy mới chờ lượt này xong.", "New bundles wait until no visit is open.", "yellow")
    for one in centre.get("announcements", ()):
        screen.line(f"✉ {one['vi']}", one["en"])


def _print_losses(screen: Screen, uplink: Mapping[str, Any]) -> None:
    if uplink.get("rewound_to") is not None:
        screen.line(
            f"! Trung tâm đã mất hồ sơ từng ký nhận: đang gửi lại từ số {uplink['rewound_to']}.",
            f"The collector lost records it had receipted: they are sent again from seq {uplink['rewound_to']} on.",
            "yellow",
        )
    for first, behind in uplink.get("lost_at_collector", ()):
        screen.line(
            f"✗ Hồ sơ số {first} đến {behind - 1} không còn ở cả hai nơi: báo trung tâm ngay.",
            f"Records {first} to {behind - 1} are gone at both ends: tell the centre at once.",
            "red",
        )


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:.0f}" if isinstance(value, float) else str(value)
