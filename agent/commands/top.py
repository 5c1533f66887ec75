"""`kiosk top`: the kiosk at work, live: devices, visit, queue, uplink, processor and memory of each worker."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.console.client import KioskClient
from agent.console.errors import DaemonUnreachable
from agent.diagnostics.process_tree import PROC, ProcessUse, process_tree, shares

# Asking card service and USB costs more than the rest.
DEVICES_EVERY_S = 5.0
MIB = 2**20
STATES = {"ready": "green", "absent": "yellow", "busy": "yellow", "failed": "bold red"}

Json = Mapping[str, Any]  # Any: the daemon's answers nest freely


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the kiosk. `cpu`: share of one processor by pid, for those that were there before."""

    status: Json
    use: Json
    devices: Sequence[Json]
    processes: list[ProcessUse]
    cpu: Mapping[int, float]

    def as_json(self) -> dict[str, object]:
        """Return what `--json` prints."""
        workers = [
            {
                "pid": one.pid,
                "name": one.name,
                "cpu": round(self.cpu[one.pid], 3) if one.pid in self.cpu else None,
                "memory_mib": round(one.memory_bytes / MIB, 1),
            }
            for one in self.processes
        ]
        told = {"kiosk": self.status.get("kiosk"), "queue": self.status["queue"], "uplink": self.status["uplink"]}
        return {**told, "visit": self.use, "devices": self.devices, "workers": workers}


@dataclass(slots=True)
class Watch:
    """Asks the daemon again and again; remembers what the next look needs."""

    path: Path
    proc: Path = PROC
    _at_s: float = 0.0
    _processes: list[ProcessUse] = field(default_factory=list)
    _devices: list[Json] = field(default_factory=list)
    _devices_at_s: float | None = None

    def look(self) -> Look:
        """Ask now. Raises DaemonUnreachable or RemoteError."""
        with KioskClient(self.path) as client:
            status, use, now_s = client.status(), client.device_use(), time.monotonic()
            if self._devices_at_s is None or now_s - self._devices_at_s >= DEVICES_EVERY_S:
                self._devices, self._devices_at_s = list(client.devices()), now_s
        processes, now_s = process_tree(_daemon_pid(self.path), self.proc), time.monotonic()
        cpu = shares(self._processes, processes, now_s - self._at_s)
        self._processes, self._at_s = processes, now_s
        return Look(status, use, self._devices, processes, cpu)


def top(
    screen: Screen, path: Path, every_s: float, cancelled: Event, *, once: bool = False, console: Console | None = None
) -> ExitCode:
    """Show the kiosk until Ctrl-C; with `once`, one look over `every_s` seconds. Raises DaemonUnreachable."""
    looks = _looks(Watch(path), every_s, cancelled)
    if once:
        next(looks)
        last = next(looks)
        if screen.as_json:
            screen.json(last.as_json())
        else:
            (console or Console(highlight=False)).print(picture(last))
        return ExitCode.OK
    with suppress(KeyboardInterrupt):
        _follow(screen, looks, console or Console(highlight=False))
    return ExitCode.OK


def _follow(screen: Screen, looks: Iterator[Look], console: Console) -> None:
    if screen.as_json:
        for look in looks:
            screen.json(look.as_json())
        return
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        for look in looks:
            live.update(picture(look), refresh=True)


def _looks(watch: Watch, every_s: float, cancelled: Event) -> Iterator[Look]:
    yield watch.look()
    while not cancelled.wait(every_s):
        yield watch.look()


def picture(look: Look) -> Group:
    """Return a look as people see it."""
    return Group(_head(look), _devices(look), _stages(look), _workers(look))


def _head(look: Look) -> Table:
    queue, uplink = look.status["queue"], look.status["uplink"]
    table = Table(title=f"{escape(str(look.status.get('kiosk', '?')))}", title_justify="left", show_header=False)
    oldest = queue.get("oldest_pending_s")
    age = "" if oldest is None else f", lâu nhất · oldest {oldest:.0f} s"
    table.add_row("Hàng đợi · Queue", f"{queue.get('pending')} chờ · waiting{age}")
    free = queue.get("free_bytes")
    table.add_row("Chỗ trống · Free", "?" if free is None else f"{free / 2**30:.1f} GiB")
    lost = queue.get("lost") or []
    table.add_row("Cách ly · Quarantine", f"[bold red]{len(lost)}[/]" if lost else "0")
    connected = "[green]✓ nối · connected[/]" if uplink.get("connected") else "[bold red]✗ mất · away[/]"
    error = uplink.get("error")
    table.add_row("Trung tâm · Uplink", connected + (f" {escape(str(error.get('code', '')))}" if error else ""))
    return table


def _devices(look: Look) -> Table:
    table = Table("Thiết bị · Device", "Tên · Name", "Trạng thái · State")
    for one in look.devices:
        state = str(one["state"])
        shown = f"[{STATES[state]}]{state}[/]" if state in STATES else escape(state)
        table.add_row(escape(str(one["kind"])), escape(str(one["name"])), shown)
    return table


def _stages(look: Look) -> Table:
    title = "đang thu nhận · visit open" if look.use.get("visit_open") else "không có ai · nobody"
    table = Table("Bước · Stage", "Kết quả · Verdict", "ms", title=f"Lượt · Visit: {title}", title_justify="left")
    for one in look.use.get("stages", []):
        took = one.get("took_ms")
        table.add_row(str(one["stage"]), str(one.get("verdict") or "…"), "" if took is None else str(took))
    return table


def _workers(look: Look) -> Table:
    table = Table("Tiến trình · Worker", "pid", "CPU", "MiB")
    for one in look.processes:
        share = look.cpu.get(one.pid)
        cpu = "" if share is None else f"{share:.0%}"
        table.add_row(escape(one.name), str(one.pid), cpu, f"{one.memory_bytes / MIB:.0f}")
    return table


def _daemon_pid(path: Path) -> int:
    """Ask the kernel who listens at the socket (SO_PEERCRED, unix(7))."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError as error:
            raise DaemonUnreachable(f"{path}: {error.strerror or error}") from error
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
