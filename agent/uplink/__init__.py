"""Moves the queue to the collector. Knows nothing of people, chips or pictures."""

from agent.uplink.channel import TlsFiles
from agent.uplink.errors import UplinkError
from agent.uplink.pace import Pacing, QuietHours
from agent.uplink.state import UplinkState
from agent.uplink.uplink import Uplink

__all__ = ["Pacing", "QuietHours", "TlsFiles", "Uplink", "UplinkError", "UplinkState"]
