"""`collector fleet`: every kiosk by its last heartbeat."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.markup import escape

from collector.cli_frame import HERE, AsJson, ConfigPath, out, print_json, table_of, told
from collector.config import load_config

COLUMNS = (
    "kiosk",
    "vấn đề · worst",
    "nghe lần cuối · heard",
    "phiên bản · version",
    "chờ gửi · waiting",
    "lâu nhất · oldest",
    "đồng hồ · clock",
)


@told
def fleet(
    config: ConfigPath = HERE,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only kiosks with something wrong.")] = False,
    as_json: AsJson = False,
) -> None:
    """Các kiosk · Every kiosk by its last heartbeat: what needs people first."""
    from collector.fleet import kiosks  # noqa: PLC0415 # loads SQLite only here
    from collector.fleet_rows import FleetRow, fleet_rows  # noqa: PLC0415
    from collector.fleet_rows import as_json as json_of  # noqa: PLC0415

    def cells(row: FleetRow) -> tuple[str, ...]:
        heard, oldest = _age(row.heard_s), _age(row.oldest_pending_s) if row.pending else "—"
        return row.kiosk, row.worst or "✓", heard, row.software, str(row.pending), oldest, f"{row.skew_s:+.1f} s"

    rows = [row for row in fleet_rows(kiosks(load_config(config).store), time.time_ns()) if row.worst or not wrong]
    if as_json:
        print_json(json_of(rows))
        return
    table = table_of(COLUMNS)
    for row in rows:
        table.add_row(*map(escape, cells(row)), style="bold red" if row.worst else None)
    out.print(table)
    out.print(f"{len(rows)} kiosk, {sum(1 for row in rows if row.worst)} có vấn đề · with something wrong")


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
