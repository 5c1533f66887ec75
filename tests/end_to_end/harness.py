"""A whole kiosk for tests: mock devices on the wire, a real collector, a real daemon, all in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from firmware_mocks.card_reader import NotInstalled
from firmware_mocks.card_reader.requirements import check as check_card_reader
from firmware_mocks.chip_card.issuer import kept_csca

from agent.console.client import KioskClient
from demo.people import DemoPerson, make_people, write_roster
from demo.stage import MODELS, POLICY, Setting, Stage, set_stage

PEOPLE = 24
PATIENCE_S = 60.0

Event = Mapping[str, Any]  # Any: JSON from the daemon
Answer = str | Callable[[], str]


@dataclass(slots=True)
class Told:
    """The events of one visit, in order."""

    events: list[Event] = field(default_factory=list)

    def kinds(self, kind: str) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self.events if event["kind"] == kind]

    @property
    def errors(self) -> list[str]:
        """Codes of the errors that stages told, in order."""
        return [event["code"] for event in self.kinds("guidance") if "remedy" in event]

    @property
    def record_id(self) -> str:
        """The durable record's id; empty when there is none."""
        return next((event["record_id"] for event in self.kinds("durable")), "")

    def verdict(self, stage: str) -> str:
        """Return the last verdict of a stage."""
        return str([event["verdict"] for event in self.kinds("stage_ended") if event["stage"] == stage][-1])

    def check(self, stage: str, name: str) -> Event:
        """Return one check of the last run of a stage."""
        ended = [event for event in self.kinds("stage_ended") if event["stage"] == stage][-1]
        return next(check for check in ended["checks"] if check["name"] == name)


class Kiosk:
    """The stage with its people; `visit` takes one of them through."""

    def __init__(self, stage: Stage, people: list[DemoPerson]) -> None:
        self.stage = stage
        self._waiting = list(people)

    def next_person(self) -> DemoPerson:
        """Return somebody who was not here yet."""
        return self._waiting.pop(0)

    def arrange(self, one: DemoPerson, *card_options: str) -> None:
        """Put the person's face, fingers and card before the devices."""
        self.show(one)
        self.lay_card(one, *card_options)

    def show(self, one: DemoPerson) -> None:
        """Put the person's face and fingers before the devices, and no card."""
        self.stage.camera.thaw()
        self.stage.camera.show("passing", one.seed)
        self.stage.pad.auto(one.first_finger)

    def lay_card(self, one: DemoPerson, *card_options: str) -> None:
        """Put the person's card on the reader, instead of what lies there."""
        self.stage.reader.remove()
        csca = ("--csca-folder", str(self.stage.folder / "csca"), "--portrait", str(one.portrait))
        self.stage.reader.insert(one.profile, *csca, *card_options)

    def visit(
        self,
        number: str = "",
        stage_failed: Sequence[Answer] = (),
        on_guidance: Mapping[str, Callable[[], object]] | None = None,
    ) -> Told:
        """Follow one visit to its end: yes to notice and confirmation, `stage_failed` for failed stages in turn.

        An answer that is a function is called when its question comes, to mend what failed, and returns the answer.
        `on_guidance` is done once when the guidance of that code is told. Without a number it goes on with the visit
        that was cut off.
        """
        told, answers, mends = Told(), list(stage_failed), dict(on_guidance or {})
        with KioskClient(self.stage.socket) as client:
            visit_id = client.open_intake(number=number) if number else client.resume_intake()
            for event in client.events(visit_id):
                told.events.append(event)
                mends.pop(str(event.get("code")), _nothing)()
                if event["kind"] == "question":
                    client.answer(visit_id, event["question"], _answer(event["code"], answers))
        return told

    def status(self) -> Event:
        """Return `kiosk queue status --json`."""
        with KioskClient(self.stage.socket) as client:
            return client.status()

    def await_status(self, wanted: Callable[[Event], bool]) -> Event:
        """Return the first status that is as wanted; fail after a minute."""
        deadline = time.monotonic() + PATIENCE_S
        status = self.status()
        while not wanted(status):
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
            status = self.status()
        return status

    def await_receipts(self) -> None:
        """Return when nothing waits any more."""
        self.await_status(lambda status: status["queue"]["pending"] == 0)

    def at_collector(self) -> list[Event]:
        """Return `collector list --json`."""
        return list(self.run("collector.cli", "list", "--config", str(self.stage.folder / "collector"), "--json"))

    def opened(self, record_id: str, out: Path) -> Event:
        """Return `collector show --json` of a record, written out to `out`."""
        config = ("--config", str(self.stage.folder / "collector"))
        shown: Event = self.run("collector.cli", "show", record_id, *config, "--out", str(out), "--json")
        return shown

    @staticmethod
    def run(module: str, *arguments: str) -> Any:
        """Run one of our commands and return the JSON that it prints."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def _nothing() -> None:
    """No mend is wanted."""


def _answer(code: str, answers: list[Answer]) -> str:
    if code != "stage_failed":
        return "yes"
    answer = answers.pop(0) if answers else "cancel"
    return answer if isinstance(answer, str) else answer()


@contextmanager
def open_kiosk(
    folder: Path,
    waits_s: Mapping[str, int] | None = None,
    queue: Mapping[str, int] | None = None,
    pad: Mapping[str, str] | None = None,
    camera: Mapping[str, Setting] | None = None,
    policy: Path = POLICY,
) -> Iterator[Kiosk]:
    """Set everything up in `folder`, with a roster of people who were not here yet.

    `waits_s` shortens the waits for card, camera and pad, `queue` and `pad` have keys of the configuration's
    tables.
    """
    try:
        check_card_reader()
    except NotInstalled as error:
        pytest.skip(f"no mock card reader: {error}")
    if not (MODELS / ".set-up").exists():
        pytest.skip("the model files are not there: run `make setup`")
    people = make_people(PEOPLE, folder / "people")
    write_roster(people, folder / "roster.csv")
    kept_csca(folder / "csca")
    settings: dict[str, dict[str, Setting]] = {
        device: {"wait_s": float(wait_s)} for device, wait_s in (waits_s or {}).items()
    }
    settings.setdefault("card", {})["return_s"] = 1.0
    settings["queue"] = dict(queue or {})
    settings.setdefault("pad", {}).update(pad or {})
    settings.setdefault("camera", {}).update(camera or {})
    with set_stage(folder, folder / "roster.csv", folder / "csca" / "csca.pem", settings, policy) as stage:
        yield Kiosk(stage, people)
