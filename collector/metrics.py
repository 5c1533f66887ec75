"""Figures for Prometheus: what this process did, never about whom. No kiosk's name, no record id, no key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from collector.errors import AddressInUse

# A scraper that says nothing must not hold a thread for ever.
REQUEST_WITHIN_S = 5.0
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Counters of one process; each has its own registry, so that tests and tools do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.stored = Counter("collector_records_stored", "Records stored.", registry=self.registry)
        self.stored_bytes = Counter("collector_stored_bytes", "Bytes of ciphertext stored.", registry=self.registry)
        self.known = Counter("collector_records_known", "Records that were here already.", registry=self.registry)
        self.quarantined = Counter(
            "collector_records_quarantined", "Records stored in quarantine.", registry=self.registry
        )
        self.lost = Counter("collector_records_lost", "Tombstones: records lost on kiosks.", registry=self.registry)
        self.refused = Counter("collector_streams_refused", "Rejects, by code.", ["code"], registry=self.registry)
        self.pushbacks = Counter("collector_pushbacks", "Streams asked to come again later.", registry=self.registry)
        self.streams = Gauge("collector_streams", "Streams of records that are open.", registry=self.registry)
        self.draining = Gauge("collector_draining", "1 while the collector stops.", registry=self.registry)
        self.batch_s = Histogram(
            "collector_batch_seconds",
            "From taking a batch to its receipt: verify, sync, sign.",
            buckets=BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return all figures in Prometheus' own form."""
        return generate_latest(self.registry)


@contextmanager
def serving_metrics(address: str, metrics: Metrics, serving: Callable[[], bool]) -> Iterator[None]:
    """Serve /metrics and /healthz over plain HTTP at host:port of the loopback; nothing when the address is empty.

    `serving` says whether streams are taken: /healthz is 200 or 503. Raises AddressInUse.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server = ThreadingHTTPServer((host, int(port)), _handler(metrics, serving))
    except OSError as error:
        raise AddressInUse(f"{address}: {error.strerror}") from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="metrics", kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(metrics: Metrics, serving: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_WITHIN_S
        server_version, sys_version = "collector", ""

        def do_GET(self) -> None:
            match self.path:
                case "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, metrics.text())
                case "/healthz":
                    well = serving()
                    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(status, "application/json", json.dumps({"serving": well}).encode())
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics or /healthz\n")

        def log_message(self, *_: object) -> None:
            """Write no access log: whoever scrapes does so every few seconds."""

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
