"""A process and its workers, as procfs tells it: processor time and memory of each (proc(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# pid (name) state ppid … : the name may hold blanks and brackets. utime, stime and rss are fields 14, 15 and 24.
_STAT = re.compile(r"(\d+) \((.*)\) \S (\d+) (.*)", re.DOTALL)
_UTIME, _STIME, _RSS = 9, 10, 19
# What people call the workers; anything else by its program's name.
NAMES = {
    "agent.devices._camera_worker": "camera",
    "agent.capture.portrait._vision_worker": "vision",
    "_wsq_worker.py": "wsq",
    "agent.cli": "daemon",
    "kiosk": "daemon",
}


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """`cpu_s`: processor seconds since its start; `memory_bytes`: resident."""

    pid: int
    name: str
    cpu_s: float
    memory_bytes: int


def process_tree(root: int, proc: Path = PROC) -> list[ProcessUse]:
    """Return the process and all below it, by pid; empty when it is gone or may not be seen."""
    found = {int(folder.name): _read(folder) for folder in proc.glob("[0-9]*") if folder.name.isdecimal()}
    alive = {pid: one for pid, one in found.items() if one is not None}
    wanted, left = set[int](), {root} & set(alive)
    while left:
        wanted |= left
        left = {pid for pid, (parent, _) in alive.items() if parent in left and pid not in wanted}
    return [alive[pid][1] for pid in sorted(wanted)]


def shares(before: list[ProcessUse], after: list[ProcessUse], spent_s: float) -> Mapping[int, float]:
    """Return the share of one processor that each used in between; what is new has none."""
    was = {one.pid: one.cpu_s for one in before}
    return {one.pid: max(0.0, one.cpu_s - was[one.pid]) / spent_s for one in after if one.pid in was and spent_s > 0}


def _read(folder: Path) -> tuple[int, ProcessUse] | None:
    try:
        match = _STAT.fullmatch((folder / "stat").read_text(encoding="utf-8", errors="replace"))
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        # It ended in the meantime.
        return None
    if match is None:
        return None
    pid, name, parent, rest = match.groups()
    fields = rest.split()
    cpu_s = (int(fields[_UTIME]) + int(fields[_STIME])) / TICKS_S
    return int(parent), ProcessUse(int(pid), _name(words, name), cpu_s, int(fields[_RSS]) * PAGE_BYTES)


def _name(words: list[str], otherwise: str) -> str:
    return next((NAMES[one] for word in words for one in (word, Path(word).name) if one in NAMES), otherwise)
