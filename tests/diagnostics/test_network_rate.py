"""The uplink's rate: as ss tells it, and on a real connection through the real ss."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from agent.diagnostics.families.network_rate import judge_connection
from agent.diagnostics.finding import Verdict
from tests.diagnostics.conftest import Kiosk, assert_fault

HEAD = "0      0      10.0.0.7:41234 127.0.0.1:{port} \n\t cubic wscale:7,7 rto:204 rtt:20.5/0.7 mss:1448 cwnd:10"
PORT = 18443


def told(kiosk: Kiosk, rest: str, port: int = PORT) -> None:
    """Let ss tell of one connection to the collector."""
    kiosk.address = f"127.0.0.1:{PORT}"
    kiosk.configure()
    kiosk.machine.program("ss", HEAD.format(port=port) + rest + "\n")


def test_a_fast_connection(kiosk: Kiosk) -> None:
    """Rate, round trip and what was sent again are the evidence."""
    told(kiosk, " segs_out:5000 retrans:0/3 delivery_rate 23.5Mbps app_limited")
    found = kiosk.finding("network.bandwidth")
    assert found.verdict is Verdict.OK
    assert found.evidence == "at least 23.5 Mbit/s, round trip 20.5 ms, 3 of 5000 segments sent again"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (" segs_out:5000 delivery_rate 210Kbps", "network.bandwidth.slow"),
        (" segs_out:5000 retrans:0/900 delivery_rate 20Mbps", "network.bandwidth.lossy"),
    ],
)
def test_a_bad_connection(kiosk: Kiosk, rest: str, code: str) -> None:
    """Slow, or losing packets."""
    told(kiosk, rest)
    assert_fault(kiosk.finding("network.bandwidth"), code)


def test_what_the_kiosk_itself_limited_is_not_called_slow() -> None:
    """A heartbeat needs no bandwidth."""
    assert judge_connection("segs_out:9 delivery_rate 2Kbps app_limited").verdict is Verdict.OK


def test_other_connections_do_not_count(kiosk: Kiosk) -> None:
    """Another port, or none that has sent anything."""
    told(kiosk, " segs_out:5000 delivery_rate 210Kbps", port=PORT + 1)
    assert kiosk.finding("network.bandwidth").verdict is Verdict.NOT_ASSESSED


@pytest.mark.skipif(not shutil.which("ss"), reason="ss is not installed")
def test_the_real_ss_on_a_real_connection(kiosk: Kiosk) -> None:
    """The kernel's own figures of a connection that has just sent something."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        kiosk.address = f"127.0.0.1:{port}"
        kiosk.configure()
        kiosk.machine.programs.joinpath("ss").symlink_to(shutil.which("ss") or os.devnull)
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as peer:
            client.sendall(bytes(100_000))
            left = 100_000
            while left:
                left -= len(peer.recv(left))
            found = kiosk.finding("network.bandwidth")
    assert "Mbit/s" in found.evidence, found
