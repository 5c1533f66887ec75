"""The gRPC server: mTLS required, one service, a graceful end on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import structlog

from agent.proto.enrolment import EnrolmentServicer
from agent.proto.stream import MAX_MESSAGE_BYTES, AppendServicer, Limits, add_append
from agent.proto.sync import add_sync
from agent.sealing import FileSigningKey
from collector.admission import Admission
from collector.config import CollectorConfig
from collector.embedded_registry import EmbeddedRegistry
from collector.enrolment_server import enrolment_service, open_enrolment_server
from collector.errors import AddressInUse, TlsUnusable
from collector.fleet import Fleet
from collector.grpc_health import Health
from collector.ingest import Rules
from collector.metrics import serving_metrics
from collector.published import Published
from collector.recipients import recipient_key_ids
from collector.service import CollectorService
from collector.sql_store import SqlStore
from collector.stores import open_store
from collector.sync_service import SyncService

log = structlog.get_logger()

DRAIN_S = 5.0
OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Kiosks ping every 60 s; gRPC's default would answer that with GOAWAY too_many_pings.
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
    # A kiosk that lost its power never says goodbye: its stream must not stay for ever.
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 40_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.server_handshake_timeout_ms", 20_000),
    # A kiosk needs one stream.
    ("grpc.max_concurrent_streams", 4),
    ("grpc.so_reuseport", 0),
]


def make_service(config: CollectorConfig, store: SqlStore) -> CollectorService:
    """Return what judges and stores records by this configuration. Raises SealingError or CollectorError."""
    return CollectorService(
        config.name,
        store,
        Rules(config.development, config.max_record_bytes, recipient_key_ids(config.keys)),
        Limits(config.max_records_in_flight, config.max_bytes_in_flight, config.max_record_bytes),
        FileSigningKey.load(config.keys / "receipt.key"),
        store_threads=store.calls_at_once,
    )


def serve(config: CollectorConfig, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `ready` is told the address. Raises CollectorError or SealingError."""
    with open_store(config) as store:
        removed = store.lock_for_appending()
        if removed:
            log.warning("collector.left_over_files_removed", files=removed)
        service = make_service(config, store)
        with ExitStack() as stack:
            stack.callback(service.close)
            registry = stack.enter_context(EmbeddedRegistry(config.store))
            enrolment = stack.enter_context(enrolment_service(config))
            fleet = stack.enter_context(Fleet(config.store))
            sync = SyncService(fleet, Published(config.bundles), lambda kiosk: store.position(kiosk) is not None)
            stack.callback(sync.close)
            health = Health()
            stack.enter_context(serving_metrics(config.metrics_address, service.metrics, lambda: health.serving))
            doors = Doors(Admission(registry), enrolment, Beside(sync, health))
            asyncio.run(_serve(config, service, doors, ready))


@dataclass(frozen=True, slots=True)
class Beside:
    """What a server offers besides the stream of records."""

    sync: SyncService
    health: Health


@dataclass(frozen=True, slots=True)
class Doors:
    """What stands before the stream of records, on the second port, and beside it."""

    admission: Admission
    enrolment: EnrolmentServicer | None
    beside: Beside


async def open_server(
    config: CollectorConfig,
    servicer: AppendServicer,
    admission: Admission | None = None,
    beside: Beside | None = None,
) -> grpc.aio.Server:
    """Return a server that listens at the configured address; `admission` stands before it.

    Raises TlsUnusable or AddressInUse.
    """
    credentials = _credentials(config.tls)
    server = grpc.aio.server(options=OPTIONS, interceptors=() if admission is None else (admission,))
    add_append(server, servicer, _peer_name)
    if beside is not None:
        add_sync(server, beside.sync, _peer_name)
        await beside.health.enter(server)
    try:
        server.add_secure_port(config.address, credentials)
    except RuntimeError as error:
        await server.stop(None)
        raise AddressInUse(config.address) from error
    await server.start()
    return server


async def _serve(
    config: CollectorConfig, service: CollectorService, doors: Doors, ready: Callable[[str], None]
) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = await open_server(config, service, doors.admission, doors.beside)
    second = None if doors.enrolment is None else await open_enrolment_server(config, doors.enrolment)
    log.info("collector.ready", address=config.address, development=config.development)
    ready(config.address)
    await stopping.wait()
    if second is not None:
        await second.stop(0)
    log.info("collector.draining")
    await doors.beside.health.leave()
    await doors.beside.sync.drain()
    await service.drain()
    await server.stop(DRAIN_S)
    log.info("collector.stopped")


def _credentials(folder: Path) -> grpc.ServerCredentials:
    paths = [folder / name for name in ("server.key", "server.pem", "ca.pem")]
    try:
        key, certificate, ca = (path.read_bytes() for path in paths)
        # gRPC says "no such address" to a bad key: let OpenSSL name the cause first.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_verify_locations(paths[2])
        context.load_cert_chain(paths[1], paths[0], password=lambda: b"")
    except ssl.SSLError as error:
        raise TlsUnusable(f"{folder}: {error.reason or error}") from error
    except OSError as error:
        raise TlsUnusable(f"{error.filename or folder}: {error.strerror}") from error
    return grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)


def _peer_name(context: grpc.aio.ServicerContext[bytes, bytes]) -> str:
    names = list(context.auth_context().get("x509_common_name", ()))
    return names[0].decode("utf-8", "replace") if len(names) == 1 else ""


def ready_line(address: str) -> str:
    """Return the one JSON line that tells a script that the collector listens."""
    return json.dumps({"ready": True, "address": address, "pid": os.getpid()})
