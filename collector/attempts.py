"""How often an address may try one-time tokens."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_FAILURES = 10
WITHIN_S = 60.0
MAX_ADDRESSES = 10_000


class Attempts:
    """Counts failures by address: ten within a minute, and the address waits until that minute is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, peer: str) -> float:
        """Return for how long this address must wait; 0 when it may try."""
        since, count = self._failures.get(_network(peer), (0.0, 0))
        return max(0.0, since + WITHIN_S - self._clock()) if count >= MAX_FAILURES else 0.0

    def succeeded(self, peer: str) -> None:
        """Take one failure back: it was counted before it was known how the attempt would end."""
        since, count = self._failures.get(_network(peer), (0.0, 0))
        if count:
            self._failures[_network(peer)] = (since, count - 1)

    def failed(self, peer: str) -> None:
        """Note a failure."""
        network, now = _network(peer), self._clock()
        since, count = self._failures.pop(network, (now, 0))
        if now >= since + WITHIN_S:
            since, count = now, 0
        self._failures[network] = (since, count + 1)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)


def address_of(peer: str) -> str:
    """Return the address in what gRPC tells of a peer: `ipv4:192.0.2.1:5000`, `ipv6:%5B2001:db8::1%5D:5000`."""
    _, _, rest = peer.partition(":")
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")


def _network(peer: str) -> str:
    """Whoever has one IPv6 address has all of its /64."""
    address = address_of(peer)
    try:
        if ipaddress.ip_address(address).version == 6:
            return str(ipaddress.ip_network(f"{address}/64", strict=False))
    except ValueError:
        return peer
    return address
