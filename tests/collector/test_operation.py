"""What those who run a collector ask of it: health, reflection, figures, and an orderly end."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from agent.uplink.channel import open_channel
from collector.config import check_config
from collector.errors import AddressInUse, ConfigInvalid
from collector.metrics import Metrics, serving_metrics
from tests.collector.world import KIOSK, World, free_port
from tests.uplink.kiosk import CollectorProcess, Kiosk, await_


class Running:
    """A collector in a process of its own, with metrics."""

    def __init__(self, world: World) -> None:
        self.world, self.metrics = world, f"127.0.0.1:{free_port()}"
        with (world.folder / "collector" / "collector.toml").open("a") as file:
            file.write(f'metrics_address = "{self.metrics}"\n')
        self.process = CollectorProcess(world.folder / "collector")

    def get(self, path: str) -> str:
        """Return what it says at /metrics or /healthz."""
        with urllib.request.urlopen(f"http://{self.metrics}{path}", timeout=20) as answer:  # our own
            text: str = answer.read().decode()
            return text

    def channel(self) -> grpc.Channel:
        """Return a channel as the kiosk has it."""
        return open_channel(self.world.config.address, self.world.trust().tls)


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    """Run a collector."""
    started = Running(world)
    yield started
    assert started.process.stop() == 0


def test_health_and_reflection_answer_behind_mtls(running: Running) -> None:
    """The whole server and each service are serving; the schema can be asked for."""
    with running.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "agent.proto.v1.UplinkService", "agent.proto.v1.SyncService"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        schema = ProtoReflectionDescriptorDatabase(channel)
        assert "agent.proto.v1.UplinkService" in schema.get_services()
        found = schema.FindFileContainingSymbol("agent.proto.v1.SyncService")
        assert {method.name for method in found.service[0].method} == {"Sync"}


def test_figures_count_records_and_name_nobody(running: Running) -> None:
    """Stored records and bytes are counted; no kiosk's name, record id or key is in any figure."""
    with Kiosk(running.world) as kiosk, kiosk.uplink():
        ids = kiosk.enqueue(5)
        kiosk.await_acknowledged(5)
        text = running.get("/metrics")
        assert "collector_records_stored_total 5.0" in text
        assert "collector_streams 1.0" in text
        key = kiosk.trust.record_key.key_id.hex()
    assert not any(secret in text for secret in (KIOSK, key, *ids))
    assert json.loads(running.get("/healthz")) == {"serving": True}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        running.get("/other")


def test_a_stopped_collector_has_receipted_what_had_arrived(running: Running) -> None:
    """SIGTERM in the middle: Pushback, no fault at the kiosk, and what was stored is exactly what is receipted."""
    world = running.world
    with Kiosk(world) as kiosk, kiosk.uplink() as uplink:
        ids = kiosk.enqueue(80, size=30_000)
        kiosk.await_acknowledged(5)
        assert running.process.stop() == 0
        await_(lambda: uplink.state.last_error is not None)
        # No more can come: nobody serves.
        assert world.stored_ids() == ids[: kiosk.queue.acknowledged]
        running.process = CollectorProcess(world.folder / "collector")
        kiosk.await_acknowledged(80)
    assert world.stored_ids() == ids


def test_figures_say_nothing_to_the_network() -> None:
    """Only the loopback is allowed."""
    check_config("x", {"name": "c", "address": "h:1", "metrics_address": "127.0.0.1:9464"})
    with pytest.raises(ConfigInvalid, match="metrics_address"):
        check_config("x", {"name": "c", "address": "h:1", "metrics_address": "0.0.0.0:9464"})


def test_a_taken_port_is_named_and_a_stopping_collector_is_not_healthy() -> None:
    """503 while it stops, so that whoever balances load sends nobody any more."""
    address = f"127.0.0.1:{free_port()}"
    with serving_metrics(address, Metrics(), lambda: False):
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://{address}/healthz", timeout=20)
        with pytest.raises(AddressInUse), serving_metrics(address, Metrics(), lambda: True):
            pass
