"""The visit's state machine: what is kept, what is asked, and how every way ends."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.devices.errors import DeviceTimeout
from agent.intake.errors import NoSuchQuestion
from agent.intake.questions import QuestionBox
from agent.intake.visit import ALLOWED, NO, YES, VisitState
from agent.words import KioskError, Words


def _last(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert events[-1]["kind"] == "ended"
    return events[-1]


def test_a_visit_that_passes_and_is_confirmed_becomes_durable(
    run_visit: Any, scripted: Any, passed: Any, register: Any
) -> None:
    """Notice, stage, confirmation, one submission, `durable` before `ended`."""
    visit, events = run_visit([scripted("chip", [passed])], ["yes", "yes"])
    assert visit.state is VisitState.DURABLE
    assert [e["kind"] for e in events][-2:] == ["durable", "ended"]
    assert [s.evidence for s in register.files[0].stages] == [passed]


def test_nothing_is_captured_before_the_notice_is_answered(
    run_visit: Any, scripted: Any, passed: Any, register: Any
) -> None:
    """A refusal ends the visit; no stage ran and nothing was submitted."""
    stage = scripted("chip", [passed])
    visit, events = run_visit([stage], ["no"])
    assert visit.state is VisitState.CANCELLED
    assert _last(events)["error"]["code"] == "intake.notice_refused"
    assert stage.performed == 0
    assert register.files == []


def test_silence_is_not_consent(run_visit: Any, scripted: Any, passed: Any, register: Any, policy: Any) -> None:
    """An unanswered notice ends the visit as failed, with nothing kept."""
    object.__setattr__(policy, "answer_wait_s", 0.05)
    visit, events = run_visit([scripted("chip", [passed])], [])
    assert visit.state is VisitState.FAILED
    assert _last(events)["error"]["code"] == "intake.not_answered"
    assert register.files == []


def test_a_person_who_does_not_confirm_leaves_nothing(
    run_visit: Any, scripted: Any, passed: Any, register: Any
) -> None:
    """The last question can still stop everything."""
    visit, _ = run_visit([scripted("chip", [passed])], ["yes", "no"])
    assert visit.state is VisitState.CANCELLED
    assert register.files == []


def test_a_failed_stage_can_be_done_again(
    run_visit: Any, scripted: Any, passed: Any, failed: Any, register: Any
) -> None:
    """Retry keeps the new evidence only."""
    stage = scripted("chip", [failed, DeviceTimeout(), passed])
    visit, _ = run_visit([stage], ["yes", "retry", "retry", "yes"])
    assert visit.state is VisitState.DURABLE
    assert stage.performed == 3
    assert [s.evidence for s in register.files[0].stages] == [passed]


def test_a_failed_stage_goes_on_only_where_policy_allows_and_stays_failed(
    run_visit: Any, scripted: Any, failed: Any, passed: Any, register: Any
) -> None:
    """`portrait` may fail by this policy, `chip` may not: its question has no such choice."""
    _, events = run_visit([scripted("chip", [failed])], ["yes", "cancel"])
    choices = [e["choices"] for e in events if e.get("code") == "stage_failed"]
    assert [c["code"] for c in choices[0]] == ["retry", "cancel"]
    visit, _ = run_visit([scripted("portrait", [failed])], ["yes", "continue", "yes"])
    assert visit.state is VisitState.DURABLE
    assert register.files[0].stages[0].evidence.verdict == "failed"


def test_a_stage_that_could_not_be_done_is_recorded_as_failed_when_people_go_on(
    run_visit: Any, scripted: Any, register: Any
) -> None:
    """A device error is not a pass and not a gap."""
    run_visit([scripted("portrait", [DeviceTimeout()])], ["yes", "continue", "yes"])
    evidence = register.files[0].stages[0].evidence
    assert (evidence.verdict, evidence.reason) == ("failed", "not captured: device.timeout")


def test_cancelling_at_any_question_keeps_nothing(run_visit: Any, scripted: Any, passed: Any, register: Any) -> None:
    """Cancel works while a question waits."""
    for answers in (["CANCEL"], ["yes", "CANCEL"]):
        visit, events = run_visit([scripted("chip", [passed])], answers)
        assert visit.state is VisitState.CANCELLED
        assert _last(events)["error"]["code"] == "intake.cancelled"
    assert register.files == []


def test_a_record_that_cannot_be_stored_is_told_and_the_visit_failed(
    run_visit: Any, scripted: Any, passed: Any, register: Any
) -> None:
    """Nobody is told "done" when the queue refused."""
    register.error = KioskError("disk")
    visit, events = run_visit([scripted("chip", [passed])], ["yes", "yes"])
    assert visit.state is VisitState.FAILED
    assert "durable" not in [e["kind"] for e in events]


def test_a_bug_in_a_stage_ends_the_visit_without_telling_its_message(run_visit: Any, scripted: Any) -> None:
    """An exception's message may hold people's data: only its type and place are logged and told."""
    with capture_logs() as logs:
        visit, events = run_visit([scripted("chip", [ValueError("Nguyễn Văn Đức")])], ["yes"])
    assert visit.state is VisitState.FAILED
    assert _last(events)["error"]["detail"] == "ValueError"
    assert "Nguyễn" not in repr(logs)
    assert [entry["kind"] for entry in logs if entry["event"] == "visit.bug"] == ["ValueError"]


def test_a_wrong_answer_is_refused_and_the_question_stays_open() -> None:
    """An answer must fit the open question."""
    box = QuestionBox(Event())
    question = box.ask("notice", Words("?", "?"), (YES, NO))
    for number, choice in ((question.number, "maybe"), (question.number + 1, "yes")):
        with pytest.raises(NoSuchQuestion):
            box.answer(number, choice)
    box.answer(question.number, "no")
    with pytest.raises(NoSuchQuestion):
        box.answer(question.number, "yes")
    assert box.wait(0.1) == "no"


def test_every_state_can_reach_an_end() -> None:
    """No state of the table is a trap, and the ends are ends."""
    ends = {state for state, following in ALLOWED.items() if not following}
    assert ends == {VisitState.DURABLE, VisitState.CANCELLED, VisitState.FAILED}
    for state in ALLOWED:
        reached, todo = set[VisitState](), [state]
        while todo:
            current = todo.pop()
            reached.add(current)
            todo += [s for s in ALLOWED[current] if s not in reached]
        assert reached & ends
