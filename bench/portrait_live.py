"""The portrait's preview end to end: a camera on the wire, its worker, the vision worker; frames, CPU and memory.

CPU is what both workers and this process (which stands for the daemon) took; the mock camera's own is not in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from firmware_mocks.camera import CameraMock

from agent.capture.portrait import VisionWorker, models
from agent.devices.camera import Camera
from bench.measure import Figure

MODELS = Path(__file__).resolve().parent.parent / "models"
WATCH_S, START_S = 5.0, 60.0
LEAST_PER_S, CORE_SHARE = 25.0, 0.5
MIB = 2**20


def figures_and_memory() -> tuple[list[Figure], dict[str, float]]:
    """Return frames and CPU against their budgets, and each worker's resident memory in MiB; nothing without models."""
    if any(state == "missing" for _, state in models.inspect(MODELS)):
        return [], {}
    with (
        CameraMock("passing", fps=30) as mock,
        Camera(mock.url, development=True) as camera,
        VisionWorker(MODELS) as vision,
    ):
        camera.newest(0, time.monotonic() + START_S, Event())
        list(_watched(camera, vision, 1.0))
        pids = [os.getpid(), camera.worker_pid or 0, vision.pid or 0]
        before_s, started_s = sum(map(_cpu_s, pids)), time.monotonic()
        frames = sum(1 for _ in _watched(camera, vision, WATCH_S))
        took_s, cpu_s = time.monotonic() - started_s, sum(map(_cpu_s, pids)) - before_s
        memory = {
            "camera worker (budget 70)": _resident_mib(pids[1]),
            "vision worker (budget 120)": _resident_mib(pids[2]),
        }
    per_frame_ms = 1000 / LEAST_PER_S
    found = [
        Figure("portrait preview end to end, a frame", took_s * 1000 / frames, "25 frames/s", per_frame_ms, frames),
        Figure("… CPU of daemon and workers", cpu_s * 1000 / frames, "half a core at 25/s", per_frame_ms / 2, frames),
    ]
    return found, memory


def _watched(camera: Camera, vision: VisionWorker, within_s: float) -> Iterator[int]:
    """Yield the number of each frame that was judged."""
    until_s, number, never = time.monotonic() + within_s, 0, Event()
    while time.monotonic() < until_s:
        frame = camera.newest(number, until_s + START_S, never)
        vision.preview(frame.pixels, until_s + START_S, never)
        number = frame.number
        yield number


def _cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken, user and system (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB
