"""A living person through the whole kiosk: daemon, flash over the API, match, sealed record, decided again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from threading import Thread

import pytest
from firmware_mocks.head import Subject

from agent.capture.liveness.challenge import Turn
from agent.capture.match import model
from agent.commands.flash_screen import FlashScreen
from agent.console.client import KioskClient
from demo.stage import POLICY
from tests.capture.liveness.conftest import LivingCamera
from tests.end_to_end.harness import Event, Kiosk, Told, open_kiosk

SHARE = 0.2


class LitRoom(io.StringIO):
    """A terminal whose light falls on the person."""

    def __init__(self, room: LivingCamera) -> None:
        super().__init__()
        self._room = room

    def write(self, codes: str) -> int:
        """Light the room as the terminal's codes say; dark when it is given back."""
        colour = codes.partition("48;2;")[2].partition("m")[0] or "0;0;0"
        red, green, blue = (int(one) / 255 * SHARE for one in colour.split(";"))
        self._room.light = (red, green, blue)
        return len(codes)


class Booth(FlashScreen):
    """The kiosk's screen, and the person who does as told."""

    def __init__(self, client: KioskClient, room: LivingCamera) -> None:
        super().__init__(client, LitRoom(room))
        self._room, self._speaking = room, client

    def follow(self, number: str) -> Told:
        """Take the person through; yes to everything, and no failed liveness is waved through."""
        told = Told()
        visit = self._speaking.open_intake(number=number)
        self.announce(visit)
        for event in self._speaking.events(visit):
            told.events.append(event)
            self._react(visit, event)
        return told

    def _react(self, visit: str, event: Event) -> None:
        name = str(event.get("code", "")).removeprefix("liveness.turn_")
        self._room.turn = Turn(name) if name in set(Turn) else None
        if event["kind"] == "flash":
            self.show(visit, event)
        elif event["kind"] == "question":
            # The portrait has tests of its own; here a slow camera may spoil its gates.
            failed = "continue" if event.get("stage") == "portrait" else "cancel"
            answer = failed if event["code"] == "stage_failed" else "yes"
            self._speaking.answer(visit, event["question"], answer)


@pytest.fixture(scope="module")
def room() -> Iterator[LivingCamera]:
    """Return the person before a camera of the kiosk's usual size."""
    with LivingCamera(Subject(distance_mm=640), (1280, 720)) as server:
        thread = Thread(target=server.serve_forever, name="camera", kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture(scope="module")
def kiosk(room: LivingCamera, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    """Open a kiosk whose signed policy asks for liveness; slow machines get a wide lag."""
    folder = tmp_path_factory.mktemp("living")
    rules = {"turn_within_s": 30, "face_within_s": 30, "most_lag_ms": 400, "least_lag_ms": -200}
    document = json.loads(POLICY.read_text(encoding="utf-8")) | {"liveness": rules}
    policy = folder / "policy.json"
    policy.write_text(json.dumps(document), encoding="utf-8")
    with open_kiosk(folder / "kiosk", camera={"source": room.url, "wait_s": 10.0}, policy=policy) as opened:
        yield opened


def test_a_living_person_is_proved_matched_and_decided_again(kiosk: Kiosk, room: LivingCamera) -> None:
    """Warning, flash, turns and match pass in the daemon; the collector comes to the same from the record alone."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    with KioskClient(kiosk.stage.socket) as client:
        told = Booth(client, room).follow(one.person.number)
    assert told.verdict("liveness") == "passed", told.kinds("stage_ended")
    assert told.verdict("match") == ("not assessed" if model.missing() else "passed"), told.kinds("stage_ended")
    assert told.check("liveness", "liveness_flash_shading")["verdict"] == "passed"
    codes = [event["code"] for event in told.events if event["kind"] == "question"]
    assert codes.index("liveness_warning") < len(codes) - 1
    assert told.events[-1]["state"] == "durable"
    kiosk.await_receipts()
    config = ("--config", str(kiosk.stage.folder / "collector"))
    again = kiosk.run("collector.cli", "verify", told.record_id, *config, "--json")
    assert (again["passed"], again["agrees"]) == (True, True)
