"""The daemon: the one place that knows every layer."""

from agent.daemon.daemon import run_daemon
from agent.daemon.devices import device_families

__all__ = ["device_families", "run_daemon"]
