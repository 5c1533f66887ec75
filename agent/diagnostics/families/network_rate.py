"""How fast records reach the collector, as the kernel has seen it on the uplink's own connection (ss(8), TCP_INFO)."""

from __future__ import annotations

import re
import socket
from typing import Any

from agent.diagnostics.context import Context
from agent.diagnostics.families.network import FAMILY
from agent.diagnostics.finding import Outcome, not_assessed, ok, warn
from agent.diagnostics.limits import Limits

# A record of half a megabyte in four seconds.
SLOW_BITS_S = 1e6
LOSSY_SHARE, ENOUGH_SEGMENTS = 0.05, 100
_UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
_RATE = re.compile(r"delivery_rate ([0-9.]+)([KMG]?)bps")
_RTT = re.compile(r"\brtt:([0-9.]+)/")
_SENT, _AGAIN = re.compile(r"\bsegs_out:(\d+)"), re.compile(r"\bretrans:\d+/(\d+)")

SLOW = warn(
    "network.bandwidth.slow",
    "Đường truyền đến trung tâm chậm: một hồ sơ mất hơn bốn giây.",
    "The way to the collector is slow: a record takes more than four seconds.",
    "Đổi mạng hoặc gói cước; hồ sơ vẫn an toàn tại kiosk và được gửi dần.",
    "Another network or contract; records are safe here and leave one by one.",
)
LOSSY = warn(
    "network.bandwidth.lossy",
    "Đường truyền mất nhiều gói.",
    "The way to the collector loses many packets.",
    "Kiểm tra cáp, sóng Wi-Fi hoặc 4G.",
    "Check the cable, or the strength of Wi-Fi or the mobile network.",
)


@FAMILY.check("bandwidth", "Tốc độ đường truyền", "Bandwidth", SLOW, LOSSY)
def _bandwidth(context: Context, limits: Limits) -> Outcome:
    host, _, port = context.config(limits).collector.address.rpartition(":")
    addresses = {str(found[4][0]) for found in _resolved(host, int(port))}
    told = context.system.ask(["ss", "--tcp", "--info", "--numeric", "--no-header", "state", "established"], limits)
    lines = [line for line in told.replace("\n\t", " ").splitlines() if _to(line, addresses, port)]
    rates = [line for line in lines if _RATE.search(line)]
    if not rates:
        return not_assessed(
            "Chưa có kết nối nào đã gửi dữ liệu đến trung tâm.", "No connection has sent anything to the collector yet."
        )
    return judge_connection(max(rates, key=_rate))


def judge_connection(line: str) -> Outcome:
    """Judge what `ss --info` tells of a connection; a rate that the kiosk itself limited is a lower bound."""
    sent = int(match[1]) if (match := _SENT.search(line)) else 0
    again = int(match[1]) if (match := _AGAIN.search(line)) else 0
    limited = "app_limited" in line
    rtt = match[1] if (match := _RTT.search(line)) else "?"
    least = "at least " if limited else ""
    evidence = f"{least}{_rate(line) / 1e6:.3g} Mbit/s, round trip {rtt} ms, {again} of {sent} segments sent again"
    if sent >= ENOUGH_SEGMENTS and again > LOSSY_SHARE * sent:
        return LOSSY.seen(evidence)
    return SLOW.seen(evidence) if _rate(line) < SLOW_BITS_S and not limited else ok(evidence)


def _rate(line: str) -> float:
    match = _RATE.search(line)
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


def _to(line: str, addresses: set[str], port: str) -> bool:
    return any(f" {shown}:{port} " in f"{line} " for one in addresses for shown in (one, f"[{one}]", f"[::ffff:{one}]"))


def _resolved(host: str, port: int) -> list[Any]:  # Any: the address has a form for each family
    try:
        return list(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM))
    except OSError:
        # network.dns tells it.
        return []
