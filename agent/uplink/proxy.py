"""The way out through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6), as gRPC takes it."""

from __future__ import annotations

import socket

from agent.uplink.errors import ProxyRefused

MAX_ANSWER_BYTES = 8192


def host_and_port(proxy: str) -> tuple[str, int]:
    """Return both of `http://host:port`."""
    host, _, port = proxy.removeprefix("http://").rstrip("/").rpartition(":")
    return host, int(port)


def ask_for_tunnel(plain: socket.socket, address: str) -> None:
    """Ask the proxy at the other end for a connection to host:port; raise ProxyRefused or OSError.

    The socket's time-out holds for each read.
    """
    plain.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        heard = plain.recv(1)
        if not heard or len(answer) >= MAX_ANSWER_BYTES:
            raise ProxyRefused("it hung up" if not heard else "its answer is too long")
        # One by one: what comes after the answer belongs to TLS.
        answer += heard
    status = answer.split(b"\r\n", 1)[0].split(b" ")
    if len(status) < 2 or status[0][:5] != b"HTTP/" or status[1][:1] != b"2":
        raise ProxyRefused(answer.split(b"\r\n", 1)[0][:100].decode("ascii", "replace"))
