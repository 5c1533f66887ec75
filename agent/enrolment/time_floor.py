"""The latest moment that is known to be past. A clock that says an earlier one is behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import structlog

from agent.sealing.registered_key import sync_folder

log = structlog.get_logger()

# Not every answer is worth a write.
STEP_NS = 60 * 10**9


class TimeFloor:
    """One small JSON file: {"lowest_ns": n}. It only ever grows, and only by what a collector signed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lowest_ns = self._read()

    @property
    def lowest_ns(self) -> int:
        """Nanoseconds since the Unix epoch; 0 when nothing is known."""
        return self._lowest_ns

    def at_least(self, wall_ns: int) -> int:
        """Return what the clock says, or the lower bound when the clock is behind it."""
        return max(wall_ns, self._lowest_ns)

    def raise_to(self, signed_ns: int) -> None:
        """Note a moment that a collector signed. Raises OSError."""
        if signed_ns < self._lowest_ns + STEP_NS:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump({"lowest_ns": signed_ns}, file)
            file.flush()
            os.fsync(handle)
        scratch.replace(self._path)
        sync_folder(self._path.parent)
        self._lowest_ns = signed_ns

    def _read(self) -> int:
        try:
            lowest_ns = json.loads(self._path.read_bytes())["lowest_ns"]
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            # Capture never depends on a right clock: without the bound the kiosk goes on, and gets another one.
            log.warning("time_floor.unreadable", kind=type(error).__name__)
            return 0
        return lowest_ns if type(lowest_ns) is int and lowest_ns >= 0 else 0
