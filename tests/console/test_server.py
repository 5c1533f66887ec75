from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from agent.console import server
from agent.console.client import KioskClient
from agent.console.errors import DaemonRunning, DaemonUnreachable, SocketUnusable
from agent.console.server import listen
from tests.console.service import STATUS, ScriptedKiosk, serving


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_socket_is_for_owner_and_group(tmp_path: Path, umask: int) -> None:
    """0660 whatever the umask, and the umask stays as it was."""
    before = os.umask(umask)
    try:
        with listen(tmp_path / "s"):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_a_second_daemon_is_refused(socket_path: Path, client: KioskClient) -> None:
    """The first one goes on undisturbed."""
    with pytest.raises(DaemonRunning):
        listen(socket_path)
    assert client.status() == STATUS


def test_a_busy_daemon_is_not_taken_for_a_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue of connections is full: it is alive, and its socket stays."""
    path = tmp_path / "s"
    monkeypatch.setattr(server, "BACKLOG", 0)
    monkeypatch.setattr(server, "PROBE_S", 0.05)
    with listen(path), socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.connect(str(path))
        second.setblocking(False)
        assert second.connect_ex(str(path)) == errno.EAGAIN
        with pytest.raises(DaemonRunning):
            listen(path)
        assert path.exists()


def test_a_dead_socket_is_taken_over(tmp_path: Path) -> None:
    """After a crash the next daemon starts without help."""
    with listen(tmp_path / "s"):
        pass
    assert (tmp_path / "s").exists()
    with serving(ScriptedKiosk(), tmp_path / "s") as path, KioskClient(path) as client:
        assert client.status() == STATUS


def test_only_a_socket_is_ever_removed(tmp_path: Path) -> None:
    """A wrong path in the configuration must not cost a file, nor what a link points to."""
    precious = tmp_path / "roster.csv"
    precious.write_text("people", encoding="utf-8")
    link = tmp_path / "link"
    link.symlink_to(precious)
    for path in (precious, link, tmp_path):
        with pytest.raises(SocketUnusable, match=str(path)):
            listen(path)
    assert precious.read_text(encoding="utf-8") == "people"
    assert link.is_symlink()


def test_a_path_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Too long for unix(7), or below a file."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path in (tmp_path / ("x" * 200), tmp_path / "file" / "s"):
        with pytest.raises(SocketUnusable):
            listen(path)


@pytest.mark.parametrize("name", ["gone", "x" * 200])
def test_a_missing_daemon_is_told(tmp_path: Path, name: str) -> None:
    """By path, with the way to start it."""
    with pytest.raises(DaemonUnreachable, match=name), KioskClient(tmp_path / name):
        pass
