"""Takes people through the kiosk one after another and shows what the collector holds of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.people import DemoPerson
from demo.stage import Stage

INTAKE_WITHIN_S = 180
RECEIPT_WITHIN_S = 60

_STYLE = {"passed": "green", "failed": "bold red", "not assessed": "yellow"}

Event = Mapping[str, Any]  # Any: the command's JSON lines

# What was printed can be kept as a picture.
console = Console(highlight=False, record=True)


class DemoFailed(RuntimeError):
    """Something in the demo did not end as it must."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What `kiosk intake --json` told of one visit."""

    events: list[Event]
    exit_code: int
    took_s: float

    @property
    def record_id(self) -> str:
        """The record's id, empty when there is none."""
        return next((str(e["record_id"]) for e in self.events if e["kind"] == "durable"), "")

    @property
    def acknowledged(self) -> bool:
        """Whether the collector's signed receipt came back."""
        return any(e["kind"] == "record" and e["state"] == "acknowledged" for e in self.events)


def take_in(stage: Stage, one: DemoPerson) -> Visit:
    """Put the person's card, face and fingers before the devices and run `kiosk intake` for them."""
    stage.camera.show("passing", one.seed)
    stage.pad.auto(one.first_finger)
    stage.reader.insert(one.profile, "--csca-folder", str(stage.folder / "csca"), "--portrait", str(one.portrait))
    started = time.monotonic()
    command = [sys.executable, "-m", "agent.cli", "intake", "--socket", str(stage.socket), "--json", "--yes"]
    command += ["--number", one.person.number, "--wait-receipt", str(RECEIPT_WITHIN_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INTAKE_WITHIN_S)
    took_s = time.monotonic() - started
    stage.reader.remove()
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines or "error" in lines[0]:
        raise DemoFailed(done.stdout + done.stderr)
    return Visit(lines, done.returncode, took_s)


def print_visit(visit: Visit) -> None:
    """Print the table of stages: verdict, time, reason."""
    table = Table("Bước · Stage", "Kết quả · Verdict", "Thời gian · Time", "Lý do · Reason")
    for event in visit.events:
        if event["kind"] == "stage_ended":
            verdict, style = event["verdict"], _STYLE[event["verdict"]]
            seconds = f"{event['took_ms'] / 1000:.2f} s"
            table.add_row(event["stage"], f"[{style}]{verdict}[/]", seconds, escape(event["reason"]))
    console.print(table)
    for event in visit.events:
        if "error" in event or "remedy" in event:
            error = event.get("error", event)
            console.print(f"[bold red]✗ {escape(error['words']['vi'])}[/] · {escape(error['words']['en'])}")
            console.print(f"  {escape(error['detail'])}\n  → {escape(error['remedy']['vi'])}")


def open_at_collector(stage: Stage, record_id: str, out: Path) -> list[Path]:
    """Let the collector open the record into a folder; return the files. Raises DemoFailed."""
    command = [sys.executable, "-m", "collector.cli", "show", record_id, "--config", str(stage.folder / "collector")]
    done = subprocess.run(
        [*command, "--out", str(out), "--json"], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        raise DemoFailed(f"collector show: {done.stderr}")
    return [Path(file) for file in json.loads(done.stdout)["files"]]


def pending(stage: Stage) -> int:
    """Return how many records are not acknowledged, by `kiosk queue status`."""
    command = [sys.executable, "-m", "agent.cli", "queue", "status", "--socket", str(stage.socket), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise DemoFailed(f"kiosk queue status: {done.stdout}{done.stderr}")
    return int(json.loads(done.stdout)["queue"]["pending"])
