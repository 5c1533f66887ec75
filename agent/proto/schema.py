"""The schema itself, for tools that ask a server for it."""

from __future__ import annotations

from agent.proto.v1 import record_pb2, sync_pb2, uplink_pb2


def load_schema() -> tuple[str, ...]:
    """Have protobuf know all our files, and return their names: only what is loaded can be reflected."""
    return tuple(module.DESCRIPTOR.name for module in (record_pb2, sync_pb2, uplink_pb2))
