"""`kiosk queue list`: one line for each record, by the daemon or, without one, from the disk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import load_config
from agent.console.client import KioskClient
from agent.console.errors import DaemonUnreachable
from agent.custody.listing import Sending, lines
from agent.provisioning import queue_folder
from agent.queue import QueueReader

PAGE = 500
SHOWN_TO_PEOPLE = 100
STATES = {
    "durable": "chờ gửi · durable",
    "sent": "đã gửi · sent",
    "acknowledged": "đã ký nhận · acknowledged",
    "quarantined": "cách ly · quarantined",
}
COLUMNS = (
    "Số · Seq",
    "Mã hồ sơ · Record id",
    "Byte",
    "Tuổi · Age",
    "Trạng thái · State",
    "Ghi chú · Note",
)

Row = Mapping[str, Any]  # Any: JSON from the daemon


def show(
    screen: Screen, socket: Path, config: Path, *, waiting: bool, from_seq: int = 0, limit: int | None = None
) -> ExitCode:
    """Print the records from `from_seq` on, oldest first; `waiting` leaves out what needs nobody any more."""
    rows = (row for row in _rows(socket, config, from_seq) if not waiting or row["state"] != "acknowledged")
    if screen.as_json:
        for row in islice(rows, limit):
            screen.json(row)
        return ExitCode.OK
    shown = list(islice(rows, SHOWN_TO_PEOPLE if limit is None else limit))
    screen.table("Hồ sơ · Records", COLUMNS, map(_cells, shown))
    rest = sum(1 for _ in rows) if limit is None else 0
    if rest:
        more = shown[-1]["seq"] + 1
        screen.line(f"… còn {rest} hồ sơ: --from {more}", f"{rest} more: --from {more}")
    return ExitCode.OK


def _rows(socket: Path, config: Path, from_seq: int) -> Iterator[Row]:
    try:
        with KioskClient(socket) as client:
            while page := client.queue_records(from_seq, PAGE):
                yield from page
                from_seq = page[-1]["seq"] + 1
    except DaemonUnreachable:
        reader = QueueReader.open(queue_folder(load_config(config)))
        yield from map(asdict, lines(reader, Sending(), time.time_ns(), from_seq))


def _cells(row: Row) -> tuple[str, ...]:
    size = "—" if row["size_bytes"] is None else f"{row['size_bytes']:,}"
    state = STATES.get(row["state"], row["state"])
    record_id = row["record_id"] or "—"
    return str(row["seq"]), str(record_id), size, _age(row["age_s"]), str(state), str(row["note"])


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
