"""The desk: one person at a time, room first, and visits that were cut off."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.capture.chip import AccessKey, CardAccessNumber, MrzInformation, NotAnMrz, QrUnreadable
from agent.capture.evidence import Check, Evidence, Verdict
from agent.devices.errors import Cancelled
from agent.intake.desk import Caller, Desk
from agent.intake.discards import Discard, Discards
from agent.intake.errors import NothingUnfinished, PolicyChanged, VisitRunning, VisitUnfinished, WrongNumber
from agent.intake.journal import Journal
from agent.intake.policy import Policy, Rules
from agent.intake.stages import Context, Outcome
from agent.intake.visit import OperatorIdentity, Visit, VisitState
from agent.roster import Member, NotOnRoster, Roster
from agent.words import KioskError

OPERATOR = OperatorIdentity("tester", "peer uid 0")
OTHER_OPERATOR = OperatorIdentity("other", "peer uid 1")
PATIENCE_S = 10.0


@dataclass
class Fake:
    """A stage that passes; as long as `waiting` is set it waits for the cancel instead, as for a person."""

    name: str
    waiting: bool = False
    failing: bool = False
    performed: int = 0
    key: AccessKey | None = None

    def perform(self, context: Context) -> Outcome:
        """Pass, or wait."""
        self.performed += 1
        self.key = context.key
        if self.waiting:
            context.cancelled.wait(PATIENCE_S)
            raise Cancelled
        if self.failing:
            return Outcome(Evidence(self.name, (Check(self.name, Verdict.FAILED, "bad"),)))
        return Outcome(Evidence(self.name, (Check(self.name, Verdict.PASSED),)), {"seen_by": self.name})


@dataclass
class Office:
    """A desk with two stages and everything around it, which can be closed and opened again like a kiosk."""

    member: Member
    policy: Policy
    register: Any
    journal: Journal
    discards: Discards
    chip: Fake = field(default_factory=lambda: Fake("chip"))
    portrait: Fake = field(default_factory=lambda: Fake("portrait"))
    newest: bytes | None = None
    policy_sha256: bytes = bytes(32)
    room: KioskError | None = None

    def open(self) -> Desk:
        """Open a desk as the daemon does at its start."""
        return Desk(
            load_roster=lambda: Roster({self.member.number: self.member}),
            stages=(self.chip, self.portrait),
            rules=Rules(self.policy, self.policy_sha256),
            submit=self.register,
            ensure_room=self._ensure_room,
            journal=self.journal,
            newest_record_id=lambda: self.newest,
            discards=self.discards,
        )

    def cut_off_in_the_portrait(self) -> None:
        """Begin a visit, finish the chip, and stop the kiosk in the middle of the portrait."""
        self.portrait.waiting = True
        desk = self.open()
        visit = desk.open(Caller(self.member.number), OPERATOR, "vi")
        answer_yes(visit)
        until(lambda: self.portrait.performed == 1)
        desk.close(PATIENCE_S)
        self.portrait.waiting = False
        assert visit.state is VisitState.FAILED

    def _ensure_room(self) -> None:
        if self.room is not None:
            raise self.room


ZONE = "IDVNM0850000010001085000001<<1\n8502038M3901016VNM<<<<<<<<<<<0\nNGUYEN<<VAN<DUC<<<<<<<<<<<<<<<"


@pytest.fixture
def office(policy: Policy, register: Any, journal: Journal, tmp_path: Path) -> Office:
    """Return a desk's surroundings."""
    return Office(
        Member("001085000001", "Nguyễn Văn Đức", date(1985, 2, 3), "Chi bộ 1", True),
        policy,
        register,
        journal,
        Discards(tmp_path / "journal"),
    )


def until(wanted: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def answer_yes(visit: Visit, questions: int = 1) -> None:
    """Answer the next questions of a visit with yes."""
    asked: set[int] = set()
    while len(asked) < questions:
        for event in visit.events.after(0, 1)[0]:
            if event.kind == "question" and event.payload["question"] not in asked and len(asked) < questions:
                until(lambda number=event.payload["question"]: _answered(visit, number))  # type: ignore[misc] # bound now
                asked.add(event.payload["question"])
        time.sleep(0.005)


def _answered(visit: Visit, number: int, choice: str = "yes") -> bool:
    try:
        visit.answer(number, choice)
    except KioskError:
        return False
    return True


def _finish(desk: Desk, visit: Visit, questions: int) -> None:
    answer_yes(visit, questions)
    until(lambda: visit.events.after(0, 0)[1])
    desk.close(PATIENCE_S)


def test_a_second_person_waits_until_the_first_is_done(office: Office) -> None:
    """One visit at a time, named as what it is."""
    desk = office.open()
    desk.open(Caller(office.member.number), OPERATOR, "vi")
    with pytest.raises(VisitRunning):
        desk.open(Caller(office.member.number), OPERATOR, "vi")
    desk.close(PATIENCE_S)


@pytest.mark.parametrize("number", ["", "12345", "00108500000a", "0010850000011"])
def test_what_is_no_personal_number_is_refused(office: Office, number: str) -> None:
    """Exactly twelve digits."""
    with pytest.raises(WrongNumber):
        office.open().open(Caller(number), OPERATOR, "vi")


QR = "001085000001|123456789|Nguyễn Văn Đức|03021985|Nam|Hà Nội|01012022"


@pytest.mark.parametrize("caller", [Caller("001085000001"), Caller(qr=QR), Caller(name="Đức"), Caller(mrz=ZONE)])
def test_every_way_to_say_who_is_here_opens_the_citizen_card(office: Office, caller: Caller) -> None:
    """By the last six digits, which is what is known to work."""
    desk = office.open()
    answer_yes(desk.open(caller, OPERATOR, "vi"))
    until(lambda: office.chip.performed == 1)
    desk.close(PATIENCE_S)
    assert office.chip.key == CardAccessNumber("000001")


def test_a_document_without_access_number_is_opened_by_its_zone(office: Office) -> None:
    """Where the policy expects such documents."""
    office.policy = office.policy.model_copy(update={"document": "icao"})
    desk = office.open()
    answer_yes(desk.open(Caller(mrz=ZONE), OPERATOR, "vi"))
    until(lambda: office.chip.performed == 1)
    desk.close(PATIENCE_S)
    assert office.chip.key == MrzInformation("085000001085020383901016")


def test_a_spoilt_scan_is_told_by_what_it_is(office: Office) -> None:
    """Before anybody is looked up."""
    with pytest.raises(QrUnreadable):
        office.open().open(Caller(qr="001085000001|x"), OPERATOR, "vi")
    with pytest.raises(NotAnMrz, match="check digit"):
        office.open().open(Caller(mrz=ZONE.replace("8502038M", "8502039M")), OPERATOR, "vi")


def test_who_is_not_on_the_roster_is_told_so(office: Office) -> None:
    """Known before anything is captured."""
    with pytest.raises(NotOnRoster):
        office.open().open(Caller("001085000099"), OPERATOR, "vi")


def test_without_room_nobody_is_called_before_the_devices(office: Office) -> None:
    """Refused before the visit starts."""
    office.room = KioskError("full")
    with pytest.raises(KioskError, match="full"):
        office.open().open(Caller(office.member.number), OPERATOR, "vi")
    assert office.chip.performed == 0


class TestCutOff:
    """A kiosk that stopped in the middle of a visit."""

    def test_the_visit_goes_on_where_it_was_and_becomes_one_record(self, office: Office) -> None:
        """The chip is not read again; the notice is not asked again; the same visit's data is confirmed."""
        office.cut_off_in_the_portrait()
        desk = office.open()
        assert desk.unfinished()
        visit = desk.resume(OTHER_OPERATOR)
        _finish(desk, visit, questions=1)
        assert visit.state is VisitState.DURABLE
        assert (office.chip.performed, office.portrait.performed) == (1, 2)
        assert [s.evidence.stage for s in office.register.files[0].stages] == ["chip", "portrait"]
        assert not desk.unfinished()
        file = office.register.files[0]
        assert (file.resumed, file.operator, file.opened_by) == (True, OTHER_OPERATOR, OPERATOR)

    def test_nobody_else_is_taken_in_before_it_is_settled(self, office: Office) -> None:
        """The next person's data can never land in the unfinished visit."""
        office.cut_off_in_the_portrait()
        with pytest.raises(VisitUnfinished):
            office.open().open(Caller(office.member.number), OPERATOR, "vi")

    def test_discarding_leaves_nothing_and_is_in_the_log_with_who_did_it(self, office: Office) -> None:
        """Visit, finished stages and operator are told; nothing of the person."""
        office.cut_off_in_the_portrait()
        desk = office.open()
        with capture_logs() as logs:
            desk.discard(OPERATOR)
        told = next(entry for entry in logs if entry["event"] == "visit.discarded")
        assert (told["stages"], told["operator"]) == (["chip"], "peer uid 0")
        assert office.member.number not in repr(logs)
        (note,) = office.discards.pending()
        assert (note.visit_id, note.stages) == (told["visit"], ("chip",))
        assert note.operator_authenticated_by == "peer uid 0"
        assert not desk.unfinished()
        with pytest.raises(NothingUnfinished):
            desk.discard(OPERATOR)

    def test_a_visit_that_is_gone_on_with_after_all_is_not_told_as_discarded(self, office: Office) -> None:
        """A power cut between the note and the end of the journal leaves both."""
        office.cut_off_in_the_portrait()
        unfinished = office.journal.unfinished()
        assert unfinished is not None
        office.discards.add(Discard(unfinished.start.visit_id, 1, (), "tester", "peer uid 0"))
        desk = office.open()
        _finish(desk, desk.resume(OPERATOR), questions=1)
        assert office.discards.pending() == ()

    def test_a_journal_that_cannot_be_read_can_still_be_discarded(self, office: Office, tmp_path: Path) -> None:
        """Else the kiosk would be stuck."""
        office.cut_off_in_the_portrait()
        (tmp_path / "journal" / "visit.key").write_bytes(b"x" * 40)
        desk = office.open()
        assert desk.unfinished()
        desk.discard(OPERATOR)
        assert not desk.unfinished()

    def test_a_person_whose_record_was_already_durable_is_done(self, office: Office) -> None:
        """Cut off between the sync and the end of the journal: nothing to resume, nothing doubled."""
        office.cut_off_in_the_portrait()
        unfinished = office.journal.unfinished()
        assert unfinished is not None
        office.newest = unfinished.start.record_id
        desk = office.open()
        assert not desk.unfinished()
        with pytest.raises(NothingUnfinished):
            desk.resume(OPERATOR)

    def test_another_policy_does_not_judge_half_a_visit(self, office: Office) -> None:
        """What was captured under other rules can only be discarded."""
        office.cut_off_in_the_portrait()
        office.policy_sha256 = b"n" * 32
        with pytest.raises(PolicyChanged):
            office.open().resume(OPERATOR)

    def test_a_visit_given_up_at_a_failed_stage_leaves_nothing(self, office: Office) -> None:
        """People chose to cancel: the next person can be taken in at once."""
        office.chip.failing = True
        desk = office.open()
        visit = desk.open(Caller(office.member.number), OPERATOR, "vi")
        answer_yes(visit)
        until(lambda: _answered(visit, 2, "cancel"))
        until(lambda: visit.events.after(0, 0)[1])
        assert visit.state is VisitState.FAILED
        assert not desk.unfinished()

    def test_a_record_that_could_not_be_stored_is_not_lost(self, office: Office) -> None:
        """The queue refused at the end of the visit: all stages are kept, and the visit can be gone on with."""
        office.register.error = KioskError("disk")
        desk = office.open()
        visit = desk.open(Caller(office.member.number), OPERATOR, "vi")
        _finish(desk, visit, questions=2)
        assert visit.state is VisitState.FAILED
        office.register.error = None
        resumed = desk.resume(OPERATOR)
        _finish(desk, resumed, questions=1)
        assert resumed.state is VisitState.DURABLE
        assert len(office.register.files) == 1


def test_the_newest_visits_stages_are_told_without_the_person(office: Office) -> None:
    """Name, verdict and time; null while one is under way; nothing before the first visit."""
    desk = office.open()
    assert desk.stages() == []
    office.portrait.waiting = True
    visit = desk.open(Caller(office.member.number), OPERATOR, "vi")
    answer_yes(visit)
    until(lambda: office.portrait.performed == 1)
    chip, portrait = desk.stages()
    assert (chip["stage"], chip["verdict"], type(chip["took_ms"])) == ("chip", "passed", int)
    assert portrait == {"stage": "portrait", "verdict": None, "took_ms": None}
    desk.close(PATIENCE_S)
