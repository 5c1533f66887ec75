"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from agent.service_notice import ServiceNotice
from agent.words import KioskError

WITHIN_S = 30.0


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(WITHIN_S)
        yield listener


def told_at(listener: socket.socket, **more: str) -> dict[str, str]:
    """Return the environment in which systemd starts a service."""
    return {"NOTIFY_SOCKET": str(listener.getsockname()), "WATCHDOG_USEC": "30000", **more}


def test_ready_alive_and_stopping_in_that_order(systemd: socket.socket) -> None:
    """READY=1 once, WATCHDOG=1 again and again, STOPPING=1 at the end."""
    with ServiceNotice(lambda: None, told_at(systemd)):
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"
        assert [systemd.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    last = b""
    while last != b"STOPPING=1":
        last = systemd.recv(100)


def test_a_kiosk_that_does_not_answer_is_not_called_alive(systemd: socket.socket) -> None:
    """Nothing is sent until it answers; then it is ready."""
    asked, answers = Event(), Event()

    def ask() -> None:
        if not answers.is_set():
            asked.set()
            raise KioskError

    with ServiceNotice(ask, told_at(systemd)):
        assert asked.wait(WITHIN_S)
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        systemd.settimeout(WITHIN_S)
        answers.set()
        assert systemd.recv(100).startswith(b"READY=1")


def test_an_answer_that_hangs_stops_the_watchdog(systemd: socket.socket) -> None:
    """No message comes while the look hangs, so that systemd's own time runs out."""
    hangs, go_on = Event(), Event()
    looks = []

    def ask() -> None:
        looks.append(1)
        if len(looks) == 2:
            hangs.set()
            go_on.wait(WITHIN_S)

    with ServiceNotice(ask, told_at(systemd)):
        assert systemd.recv(100).startswith(b"READY=1")
        assert hangs.wait(WITHIN_S)
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        go_on.set()


def test_an_abstract_address(tmp_path: Path) -> None:
    """A leading @ means the abstract namespace."""
    name = f"kiosk-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(WITHIN_S)
        with ServiceNotice(lambda: None, {"NOTIFY_SOCKET": "@" + name}):
            assert listener.recv(100).startswith(b"READY=1")


def test_without_systemd_nobody_is_asked() -> None:
    """No thread, no question."""
    asked = []
    with ServiceNotice(lambda: asked.append(1), {}):
        pass
    assert not asked


def test_a_systemd_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    """The kiosk works on."""
    asked = Event()
    with ServiceNotice(asked.set, {"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "30000"}):
        assert asked.wait(WITHIN_S)


@pytest.mark.parametrize("wrong", ["", "x", "-5"])
def test_a_senseless_watchdog_time_is_ignored(systemd: socket.socket, wrong: str) -> None:
    """Readiness is told all the same."""
    with ServiceNotice(lambda: None, told_at(systemd, WATCHDOG_USEC=wrong)):
        assert systemd.recv(100).startswith(b"READY=1")
