"""The terminal as the flash's screen, against the real API on a Unix socket."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from agent.commands.flash_screen import SHOW, FlashScreen
from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from agent.intake.flash_link import FlashLink
from tests.console.service import ScriptedKiosk, ScriptedVisit, serving

HOLD_MS = 340


class Clock:
    """A clock that only waiting moves; each wait is a little too long, as real ones are."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now_s += seconds + 0.004


@pytest.fixture
def client(kiosk: ScriptedKiosk, tmp_path: Path) -> Iterator[KioskClient]:
    """Connect to the served API."""
    with serving(kiosk, tmp_path / "kiosk.sock") as path, KioskClient(path) as connected:
        yield connected


@pytest.fixture
def visit(kiosk: ScriptedKiosk) -> ScriptedVisit:
    """Return an open visit."""
    return kiosk.visits.setdefault("v1", ScriptedVisit("v1"))


def _ordered(visit: ScriptedVisit) -> Mapping[str, object]:
    visit.screen.show([(0, 255, 0), (255, 0, 255)], HOLD_MS)
    return {"flash": 1, "colours": [[0, 0, 0], [0, 255, 0], [255, 0, 255], [0, 0, 0]], "hold_ms": HOLD_MS}


def test_the_terminal_is_filled_in_order_at_the_pace_and_reported(client: KioskClient, visit: ScriptedVisit) -> None:
    """Announced, shown, reported: the visit has the times."""
    out, clock = io.StringIO(), Clock()
    visit.screen = FlashLink(lambda _: None, clock)
    screen = FlashScreen(client, out, clock, clock.wait)
    screen.announce("v1")
    assert visit.screen.flashes
    screen.show("v1", _ordered(visit))
    text = out.getvalue()
    places = [text.index(f"48;2;{colour}m") for colour in ("0;0;0", "0;255;0", "255;0;255")]
    assert places == sorted(places)
    assert text.endswith(SHOW)
    shown = visit.screen.shown_s()
    assert shown is not None
    assert [round(later - earlier, 2) for earlier, later in pairwise(shown)] == [0.34] * 3


def test_a_report_that_nobody_awaits_is_refused_in_words(client: KioskClient, visit: ScriptedVisit) -> None:
    """No flash was ordered."""
    with pytest.raises(RemoteError) as caught:
        client.report_flash("v1", 1, [0.0], 1.0)
    assert caught.value.code == "liveness.flash_report_wrong"


BODIES = [b"", b"{}", b'{"flash":1,"shown_ms":[1],"sent_ms":"x"}', b'{"flash":1,"shown_ms":[']


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_report_is_a_bad_request(client: KioskClient, visit: ScriptedVisit, body: bytes) -> None:
    """Read strictly."""
    with pytest.raises(RemoteError) as caught:
        client._send("POST", "/v0/intakes/v1/flash", content=body)
    assert caught.value.code == "api.bad_request"


def test_the_terminal_is_given_back_when_the_flash_is_cut_off(client: KioskClient, visit: ScriptedVisit) -> None:
    """Ctrl-C in the middle leaves no coloured screen."""
    out, clock = io.StringIO(), Clock()

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FlashScreen(client, out, clock, interrupt).show("v1", _ordered(visit))
    assert out.getvalue().endswith(SHOW)
