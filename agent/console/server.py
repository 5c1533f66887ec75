"""Serves the local API on a Unix socket (0660) and tells it the uid at the other end."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import struct
from pathlib import Path
from typing import cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.console.errors import DaemonRunning, SocketUnusable

BACKLOG = 16
MODE = 0o660
PROBE_S = 1.0


class PeerProtocol(H11Protocol):
    """HTTP over a Unix socket whose `client` is the peer's uid and pid by SO_PEERCRED (unix(7))."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Ask the kernel who connected."""
        super().connection_made(transport)
        connection = cast(socket.socket, transport.get_extra_info("socket"))
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _gid = struct.unpack("3i", credentials)
        self.client = (f"uid={uid}", pid)


def listen(path: Path) -> socket.socket:
    """Open the socket at `path`, mode 0660, and take over a dead one.

    Raises DaemonRunning for a live one, or SocketUnusable; only a socket that nobody listens at is ever removed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(path)
        return _bound(path)
    except OSError as error:
        raise SocketUnusable(f"{path}: {error.strerror or error}") from error


def _remove_dead(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketUnusable(f"{path} is there and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_S)
        # A daemon that is too busy to accept answers EAGAIN: it is alive.
        if probe.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise DaemonRunning(str(path))
    path.unlink()


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        path.chmod(MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def create_server(app: Starlette) -> uvicorn.Server:
    """Return the server; call `serve(sockets=[listen(path)])` on it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    )
