"""A kiosk's service with visits that a test fills with events; served on a real Unix socket."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from agent.capture.fingerprint import Reason
from agent.console.api import create_app
from agent.console.server import create_server, listen
from agent.custody.errors import NotLost, NotOurExport
from agent.devices.errors import NoCamera
from agent.devices.seams import DeviceInfo, DeviceState
from agent.intake.desk import Caller
from agent.intake.errors import NoSuchQuestion, NoSuchVisit, NothingUnfinished, VisitRunning, WrongNumber
from agent.intake.events import EventLog
from agent.intake.fingers import VisitFingers
from agent.intake.flash_link import FlashLink
from agent.intake.portrait_orders import PortraitOrders
from agent.intake.visit import OperatorIdentity

WITHIN_S = 30.0
STATUS: Mapping[str, object] = {
    "kiosk": "kiosk-1",
    "queue": {"pending": 2, "acknowledged": 3, "next_seq": 5, "oldest_pending_s": 12.4, "sent_seq": None},
    "uplink": {"connected": False, "collector_offset_ns": None, "error": None},
}


@dataclass
class ScriptedVisit:
    """A visit whose events come from the test; it keeps what it was told."""

    visit_id: str
    events: EventLog = field(default_factory=EventLog)
    answers: list[tuple[int, str]] = field(default_factory=list)
    cancelled: int = 0
    fingers: VisitFingers = field(
        default_factory=lambda: VisitFingers(("right_index", "left_index"), frozenset({Reason.BANDAGED}))
    )
    portrait: PortraitOrders = field(default_factory=PortraitOrders)
    screen: FlashLink = field(default_factory=lambda: FlashLink(lambda _: None))

    def answer(self, number: int, choice: str) -> None:
        """Keep an answer; question 99 is never open."""
        if number == 99:
            raise NoSuchQuestion(f"question {number}")
        self.answers.append((number, choice))

    def cancel(self) -> None:
        """Count, and end the visit."""
        self.cancelled += 1


@dataclass
class ScriptedKiosk:
    """What the API serves; also its own desk."""

    visits: dict[str, ScriptedVisit] = field(default_factory=dict)
    opened: list[tuple[Caller, OperatorIdentity, str]] = field(default_factory=list)
    cut_off: str = ""
    told: Mapping[str, object] = field(default_factory=lambda: STATUS)
    record_states: list[str] = field(default_factory=list)
    listed: list[Mapping[str, object]] = field(default_factory=list)
    bug: Exception | None = None
    has_camera: bool = True

    @property
    def desk(self) -> ScriptedKiosk:
        """Itself."""
        return self

    def status(self) -> Mapping[str, object]:
        """Tell what the test set, or fail with its bug."""
        if self.bug is not None:
            raise self.bug
        return self.told

    def devices(self) -> list[DeviceInfo]:
        """List one of each kind."""
        kinds = ("card_reader", "camera", "fingerprint_pad")
        return [DeviceInfo(kind, f"a {kind}", "usb", DeviceState.READY, "") for kind in kinds]

    def device_use(self) -> Mapping[str, object]:
        """Tell whether the test has a visit open."""
        return {"visit_open": any(not visit.events.after(0, 0)[1] for visit in self.visits.values())}

    def camera_sample(self) -> Mapping[str, object]:
        """Tell a figure."""
        return {"width": 640}

    def camera_picture(self) -> bytes:
        """Give bytes, unless a visit is open."""
        if self.device_use()["visit_open"]:
            raise VisitRunning
        return b"png"

    def hand_photo(self) -> bytes:
        """Give bytes, or fail as a camera does that is not there."""
        if not self.has_camera:
            raise NoCamera("/dev/video0")
        return b"jpeg"

    def scan_card(self) -> str:
        """Give what lies before the camera, unless a visit is open."""
        if self.device_use()["visit_open"]:
            raise VisitRunning
        return "001085000001|||||||"

    def record(self, epoch: int, seq: int) -> str:
        """Tell the next state of the list, the last one again and again."""
        states = self.record_states
        return (states.pop(0) if len(states) > 1 else states[0]) if states else f"{epoch}/{seq}"

    def records(self, from_seq: int, limit: int) -> list[Mapping[str, object]]:
        """Tell a part of the list."""
        return self.listed[from_seq:][:limit]

    def sign_export(self, payload: bytes) -> bytes:
        """Sign, as good as any; an empty index is not ours."""
        if not payload:
            raise NotOurExport
        return b"signed " + payload

    def sign_lost(self, seq: int) -> bytes:
        """Sign, as good as any; record 0 can be read."""
        if seq == 0:
            raise NotLost
        return b"lost %d" % seq

    def take_receipt(self, receipt: bytes) -> int:
        """Take it; its length is its seq."""
        if not receipt:
            raise NotOurExport
        return len(receipt)

    def open(self, caller: Caller, operator: OperatorIdentity, language: str) -> ScriptedVisit:
        """Open the visit `v1`, unless the number is wrong."""
        if caller.number == "1":
            raise WrongNumber
        self.opened.append((caller, operator, language))
        return self.visits.setdefault("v1", ScriptedVisit("v1"))

    def resume(self, operator: OperatorIdentity) -> ScriptedVisit:
        """Go on with the visit that was cut off."""
        if not self.cut_off:
            raise NothingUnfinished
        return self.visits.setdefault(self.cut_off, ScriptedVisit(self.cut_off))

    def discard(self, operator: OperatorIdentity) -> None:
        """Forget it."""
        if not self.cut_off:
            raise NothingUnfinished
        self.cut_off = ""

    def visit(self, visit_id: str) -> ScriptedVisit:
        """Return a known visit."""
        if visit_id not in self.visits:
            raise NoSuchVisit(visit_id)
        return self.visits[visit_id]


@contextmanager
def serving(kiosk: ScriptedKiosk, path: Path) -> Iterator[Path]:
    """Serve on a Unix socket, as the daemon does."""
    server = create_server(create_app(kiosk))
    with listen(path) as socket:
        thread = Thread(target=server.run, kwargs={"sockets": [socket]}, name="api")
        thread.start()
        deadline = time.monotonic() + WITHIN_S
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        try:
            yield path
        finally:
            server.should_exit = True
            thread.join(WITHIN_S)
            assert not thread.is_alive()
