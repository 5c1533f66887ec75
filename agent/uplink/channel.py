"""The gRPC channel to the collector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from agent.proto.stream import MAX_MESSAGE_BYTES
from agent.uplink.errors import TlsFilesUnusable

OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A server answers a faster keepalive with GOAWAY too_many_pings.
    ("grpc.keepalive_time_ms", 60_000),
    # A record takes its time on a weak line, and a ping waits behind it.
    ("grpc.keepalive_timeout_ms", 40_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Waiting between attempts is ours; a shared connection would bring back the last failure instead of trying.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The kiosk's TLS files, PEM: the CA that collectors are checked against, its own certificate and key."""

    ca: Path
    certificate: Path
    key: Path


def open_channel(address: str, tls: TlsFiles, proxy: str = "") -> grpc.Channel:
    """Return a channel with mTLS to host:port; nothing is sent yet. Raises TlsFilesUnusable.

    `proxy` (http://host:port) is asked for a tunnel by CONNECT; what the environment says of proxies counts for
    nothing, since the diagnosis must go the same way.
    """
    try:
        ca, key, certificate = (path.read_bytes() for path in (tls.ca, tls.key, tls.certificate))
    except OSError as error:
        raise TlsFilesUnusable(f"{error.filename}: {error.strerror}") from error
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    way = [("grpc.http_proxy", proxy)] if proxy else [("grpc.enable_http_proxy", 0)]
    return grpc.secure_channel(address, credentials, [*OPTIONS, *way])


def file_identity(path: Path) -> int:
    """Return a number that changes when a file is replaced; 0 when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return hash((status.st_ino, status.st_mtime_ns))
