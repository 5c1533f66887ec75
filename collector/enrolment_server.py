"""The second port's gRPC server: TLS without client certificates, small messages, nobody stays long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import grpc.aio

from agent.proto.enrolment import MAX_BUNDLES, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, EnrolmentServicer, add_enrolment
from agent.sealing import FileSigningKey
from collector.config import CollectorConfig
from collector.embedded_registry import EmbeddedRegistry
from collector.enrolment import EnrolmentService, Terms
from collector.errors import AddressInUse, StoreFailed, TlsUnusable
from collector.issuing import Issuer

# A kiosk asks one question and goes.
OPTIONS = [
    ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # Whoever connects and says nothing, or a message letter by letter, is let go: gRPC has no deadline of the server's.
    ("grpc.max_connection_idle_ms", 10_000),
    ("grpc.max_connection_age_ms", 20_000),
    ("grpc.max_connection_age_grace_ms", 5_000),
    ("grpc.max_concurrent_streams", 2),
    ("grpc.so_reuseport", 0),
]


@contextmanager
def enrolment_service(config: CollectorConfig) -> Iterator[EnrolmentService | None]:
    """Open what serves the second port; None when none is configured.

    Raises IssuerUnusable, KeyUnusable or StoreFailed.
    """
    if not config.enrolment_address:
        yield None
        return
    roots = config.tls / "ca.pem"
    issuer = Issuer.load(config.issuing_certificate, config.issuing_key, roots, config.certificate_days)
    terms = Terms(config.name, config.renewal_grace_days, lambda: bundles_in(config.bundles))
    receipt_key = FileSigningKey.load(config.keys / "receipt.key")
    # Not the connection that watches for changes: SQLite does not count a connection's own.
    with EmbeddedRegistry(config.store) as registry:
        service = EnrolmentService(terms, registry, issuer, receipt_key)
        try:
            yield service
        finally:
            service.close()


async def open_enrolment_server(config: CollectorConfig, servicer: EnrolmentServicer) -> grpc.aio.Server:
    """Return a server that listens at the second address. Raises TlsUnusable or AddressInUse."""
    try:
        pair = ((config.tls / "server.key").read_bytes(), (config.tls / "server.pem").read_bytes())
    except OSError as error:
        raise TlsUnusable(f"{error.filename}: {error.strerror}") from error
    server = grpc.aio.server(options=OPTIONS)
    add_enrolment(server, servicer)
    try:
        server.add_secure_port(config.enrolment_address, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        await server.stop(None)
        raise AddressInUse(config.enrolment_address) from error
    await server.start()
    return server


def bundles_in(folder: Path) -> list[bytes]:
    """Return the bundles that kiosks get; a kiosk checks their signatures itself. Raises StoreFailed."""
    try:
        return [path.read_bytes() for path in sorted(folder.glob("*.bundle"))[:MAX_BUNDLES]]
    except OSError as error:
        raise StoreFailed(f"{error.filename}: {error.strerror}") from error
