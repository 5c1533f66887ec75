"""A world and a loop for its servers."""

from tests.uplink.conftest import loop, serve, world

__all__ = ["loop", "serve", "world"]
