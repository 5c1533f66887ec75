"""Tells systemd that the kiosk is ready and alive (sd_notify(3)); nothing happens where systemd does not ask.

Alive means: the kiosk's own API answers with its status. A process that merely exists is not.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from agent.words import KioskError

log = structlog.get_logger()

# Three looks fit into the time that systemd allows.
SHARE = 3
# Until the first answer, and where the unit sets no WatchdogSec.
LOOK_EVERY_S, NO_WATCHDOG_S = 0.2, 20.0
STOP_WITHIN_S = 5.0
READY, ALIVE, STOPPING = b"READY=1", b"WATCHDOG=1", b"STOPPING=1"


class ServiceNotice:
    """A thread that asks `answers` and tells systemd. A context manager: leaving it says that the kiosk stops."""

    def __init__(self, answers: Callable[[], object], environment: Mapping[str, str] = os.environ) -> None:
        self._answers = answers
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._pause_s = _watchdog_s(environment) / SHARE or NO_WATCHDOG_S
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="service-notice", daemon=True)

    def __enter__(self) -> Self:
        if self._address:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._address:
            self._tell(STOPPING)
            self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        ready = False
        while not self._stopping.is_set():
            if self._alive():
                self._tell(ALIVE if ready else READY + b"\n" + ALIVE)
                ready = True
            self._stopping.wait(self._pause_s if ready else LOOK_EVERY_S)

    def _alive(self) -> bool:
        try:
            self._answers()
        except KioskError as error:
            log.warning("service.no_answer", code=error.code)
            return False
        return True

    def _tell(self, state: bytes) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(STOP_WITHIN_S)
                sender.sendto(state, self._address)
        except OSError as error:
            # systemd will end us when its time is over; the log then says why.
            log.warning("service.not_told", errno=error.errno)


def _address(told: str) -> str:
    """Return the address as sendto() wants it; a leading @ stands for the abstract namespace (unix(7))."""
    return "\0" + told[1:] if told.startswith("@") else told


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Return WATCHDOG_USEC in seconds; 0 without one, or with one for another process."""
    pid, microseconds = environment.get("WATCHDOG_PID", ""), environment.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(microseconds) / 1e6
