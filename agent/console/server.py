"""Serves the local API on a Unix socket (0660) and tells it the uid at the other end."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.console.errors import DaemonRunning

BACKLOG = 16


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
    """Open the socket at `path`, mode 0660; take over a dead one, raise DaemonRunning for a live one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    probe = socket.socket(socket.AF_UNIX)
    with probe:
        probe.settimeout(1)
        if path.exists() and probe.connect_ex(str(path)) == 0:
            raise DaemonRunning(str(path))
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o660)
    listener.listen(BACKLOG)
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
