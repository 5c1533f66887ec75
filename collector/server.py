"""The gRPC server: mTLS required, one service, a graceful end on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio
import structlog

from agent.proto.stream import MAX_MESSAGE_BYTES, Limits, add_append
from agent.sealing import FileSigningKey, RecipientPrivateKey
from collector.config import CollectorConfig
from collector.embedded_store import EmbeddedStore
from collector.errors import AddressInUse, ConfigInvalid
from collector.ingest import Rules
from collector.service import CollectorService

log = structlog.get_logger()

DRAIN_S = 5.0
# Kiosks ping every 60 s; gRPC's default would answer that with GOAWAY too_many_pings.
MIN_PING_INTERVAL_MS = 30_000


def serve(config: CollectorConfig, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `ready` is told the address. Raises CollectorError or SealingError."""
    with EmbeddedStore(config.store) as store:
        service = CollectorService(
            config.name,
            store,
            Rules(config.development, config.max_record_bytes, recipient_key_ids(config.keys)),
            Limits(config.max_records_in_flight, config.max_bytes_in_flight, config.max_record_bytes),
            FileSigningKey.load(config.keys / "receipt.key"),
        )
        asyncio.run(_serve(config, service, ready))


def recipient_key_ids(folder: Path) -> frozenset[bytes]:
    """Return the ids of the sealing keys in the keys folder. Raises KeyUnusable."""
    return frozenset(RecipientPrivateKey.load(path).key_id for path in folder.glob("recipient*.key"))


async def _serve(config: CollectorConfig, service: CollectorService, ready: Callable[[str], None]) -> None:
    server = grpc.aio.server(
        options=[
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
            ("grpc.so_reuseport", 0),
        ]
    )
    add_append(server, service, _peer_name)
    host = config.address.rpartition(":")[0]
    try:
        port = server.add_secure_port(config.address, _credentials(config.tls))
    except RuntimeError as error:
        raise AddressInUse(config.address) from error
    await server.start()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    ready(f"{host}:{port}")
    log.info("collector.ready", address=f"{host}:{port}", development=config.development)
    await stopping.wait()
    await server.stop(DRAIN_S)
    log.info("collector.stopped")


def _credentials(folder: Path) -> grpc.ServerCredentials:
    try:
        key, certificate, ca = ((folder / name).read_bytes() for name in ("server.key", "server.pem", "ca.pem"))
    except OSError as error:
        raise ConfigInvalid(f"{error.filename}: {error.strerror}") from error
    return grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)


def _peer_name(context: grpc.aio.ServicerContext[bytes, bytes]) -> str:
    names = list(context.auth_context().get("x509_common_name", ()))
    return names[0].decode("utf-8", "replace") if names else ""


def ready_line(address: str) -> str:
    """Return the one JSON line that tells a script that the collector listens."""
    return json.dumps({"ready": True, "address": address, "pid": os.getpid()})
