"""The floor of the uplink: a bare grpc.aio server with mTLS that answers each message with a few bytes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio

SERVICE, NAME = "bench.Echo", "Stream"
METHOD = f"/{SERVICE}/{NAME}"
OPTIONS = [("grpc.max_receive_message_length", 2**26), ("grpc.so_reuseport", 0)]


async def _echo(requests: AsyncIterator[bytes], _: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request[:8]


async def serve(address: str, tls: Path) -> None:
    """Serve until killed; a line on standard output tells that it listens."""
    key, certificate, ca = ((tls / name).read_bytes() for name in ("server.key", "server.pem", "ca.pem"))
    server = grpc.aio.server(options=OPTIONS)
    handler = grpc.stream_stream_rpc_method_handler(_echo, request_deserializer=bytes, response_serializer=bytes)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {NAME: handler}),))
    server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True))
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
