"""What gRPC's own tools ask: health (grpc.health.v1) and reflection. Behind mTLS like everything else on that port."""

from __future__ import annotations

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from agent.proto import stream, sync
from agent.proto.schema import load_schema

ALL = ""


class Health:
    """Says "serving" for the whole server and for each service, until `leave`."""

    def __init__(self) -> None:
        self._servicer = health.aio.HealthServicer()
        self.serving = False

    async def enter(self, server: grpc.aio.Server) -> None:
        """Add health and reflection to a server that was not started."""
        load_schema()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        reflection.enable_server_reflection((*_services(), health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        for service in (ALL, *_services()):
            await self._servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
        self.serving = True

    async def leave(self) -> None:
        """Say "not serving" from now on: whoever balances load sends nobody here any more."""
        self.serving = False
        await self._servicer.enter_graceful_shutdown()


def _services() -> tuple[str, ...]:
    return tuple(method.strip("/").split("/")[0] for method in (stream.METHOD, sync.METHOD))
