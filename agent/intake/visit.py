"""One person's visit: notice, stages, confirmation, one durable record. A state machine in a thread of its own."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event

import structlog

from agent.capture.chip import AccessKey
from agent.capture.evidence import Check, Evidence, Guidance, Verdict
from agent.devices.errors import Cancelled
from agent.intake.errors import NoticeRefused, StageFailed, VisitCancelled, VisitInterrupted
from agent.intake.events import EventLog
from agent.intake.fingers import VisitFingers
from agent.intake.flash_link import FlashLink
from agent.intake.journal import Journal, UnfinishedVisit, VisitJournal
from agent.intake.journal_entry import FinishedStage, VisitStart
from agent.intake.policy import Rules
from agent.intake.portrait_orders import PortraitOrders
from agent.intake.questions import Choice, QuestionBox
from agent.intake.showing import both, describe, describe_check
from agent.intake.stages import Context, Outcome, SettlingStage, Stage
from agent.roster import Member
from agent.words import KioskError, Words

log = structlog.get_logger()

YES = Choice("yes", Words("Đồng ý", "Yes"))
NO = Choice("no", Words("Không đồng ý", "No"))
RETRY = Choice("retry", Words("Làm lại", "Do it again"))
GO_ON = Choice("continue", Words("Đi tiếp, ghi nhận là không đạt", "Go on; it is recorded as failed"))
STOP = Choice("cancel", Words("Hủy lượt", "Cancel the visit"))

PORTRAIT = "portrait"
CONFIRM = Words(
    "Thông tin và hình ảnh trên đúng là của tôi; tôi xác nhận.", "The data and pictures are mine; I confirm."
)


class VisitState(StrEnum):
    """Where a visit stands. CANCELLED has kept nothing; FAILED keeps finished stages in the journal, to go on with."""

    NOTICE = "notice"
    CAPTURING = "capturing"
    CONFIRMING = "confirming"
    SEALING = "sealing"
    DURABLE = "durable"
    CANCELLED = "cancelled"
    FAILED = "failed"


ALLOWED: dict[VisitState, frozenset[VisitState]] = {
    VisitState.NOTICE: frozenset({VisitState.CAPTURING, VisitState.CANCELLED, VisitState.FAILED}),
    VisitState.CAPTURING: frozenset({VisitState.CONFIRMING, VisitState.CANCELLED, VisitState.FAILED}),
    VisitState.CONFIRMING: frozenset({VisitState.SEALING, VisitState.CANCELLED, VisitState.FAILED}),
    VisitState.SEALING: frozenset({VisitState.DURABLE, VisitState.FAILED}),
    VisitState.DURABLE: frozenset(),
    VisitState.CANCELLED: frozenset(),
    VisitState.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class OperatorIdentity:
    """Who operates the kiosk. `authenticated_by` says how we know; until operators sign in it is the socket's peer."""

    name: str
    authenticated_by: str


@dataclass(frozen=True, slots=True)
class VisitFile:
    """Everything a finished visit hands to the record; `record_id` is 16 random bytes.

    `operator` finished the visit; `opened_by` began it, which can be another one when it was cut off and `resumed`.
    """

    record_id: bytes
    member: Member = field(repr=False)
    operator: OperatorIdentity
    language: str
    notice_shown_at_ns: int
    stages: tuple[FinishedStage, ...]
    visit_id: str
    resumed: bool
    opened_by: OperatorIdentity


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the record ended up: durable in the local queue."""

    record_id: str
    epoch: int
    seq: int
    size_bytes: int


Submit = Callable[[VisitFile], Stored]


class Visit:
    """Runs one visit to its end. `answer`, `cancel`, `interrupt` and orders to `portrait` may come from any thread.

    With `unfinished` it goes on where that visit was cut off.
    """

    def __init__(
        self,
        visit_id: str,
        record_id: bytes,
        member: Member,
        key: AccessKey,
        operator: OperatorIdentity,
        language: str,
        stages: Sequence[Stage],
        rules: Rules,
        submit: Submit,
        journal: Journal,
        unfinished: UnfinishedVisit | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.visit_id = visit_id
        self.events = EventLog()
        self.screen = FlashLink(lambda order: self.events.add("flash", order))
        self.state = VisitState.NOTICE
        self._record_id, self._member, self._key = record_id, member, key
        self._operator, self._language = operator, language
        self._stages, self._rules, self._policy = stages, rules, rules.policy
        self._submit, self._journal, self._clock_ns = submit, journal, clock_ns
        self._unfinished = unfinished
        self._cancelled, self._interrupted = Event(), Event()
        self._questions = QuestionBox(self._cancelled)
        self._finished: list[FinishedStage] = []
        self.fingers = VisitFingers.of(rules.policy)
        self.portrait = PortraitOrders(rules.policy.portrait)

    def __repr__(self) -> str:
        return f"Visit({self.visit_id}, {self.state})"

    def answer(self, number: int, choice: str) -> None:
        """Answer the open question; raise NoSuchQuestion when it does not fit."""
        self._questions.answer(number, choice)

    def cancel(self) -> None:
        """Stop the visit at its next step and keep nothing; a record that is already being sealed is finished."""
        self._cancelled.set()

    def interrupt(self) -> None:
        """Stop as a power cut would: what is finished stays in the journal, to go on with later."""
        self._interrupted.set()
        self._cancelled.set()

    def run(self) -> None:
        """Go through the whole visit. Every error ends it with an `ended` event; nothing is raised."""
        log.info("visit.started", visit=self.visit_id, resumed=self._unfinished is not None)
        try:
            shown_at, journal = self._begin()
            self._enter(VisitState.CAPTURING)
            for stage in self._stages[len(self._finished) :]:
                self._perform(stage, journal)
            self._confirm()
            self._store(self._file(shown_at))
        except (VisitCancelled, Cancelled, NoticeRefused) as error:
            self._stopped(error)
        except KioskError as error:
            self._end(VisitState.FAILED, error)
        except Exception as error:
            # A bug in one visit must not end the daemon or leave the screen waiting for ever. Its message may
            # hold people's data, so only its type and place are told.
            places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
            log.error("visit.bug", visit=self.visit_id, kind=type(error).__name__, where=places)
            self._end(VisitState.FAILED, KioskError(type(error).__name__))
        finally:
            self.fingers.exceptions.settle()
            self._finished.clear()
            self.portrait.close()
            self.events.close()

    def _begin(self) -> tuple[int, VisitJournal]:
        """Give the notice and open the journal; or take both up where they were left."""
        if self._unfinished is not None:
            self._finished += self._unfinished.stages
            for stage in self._finished:
                self._report(stage.evidence, stage.took_ms)
                if stage.evidence.stage == PORTRAIT:
                    self.portrait.close()
            return self._unfinished.start.notice_shown_at_ns, self._journal.go_on()
        shown_at = self._give_notice()
        start = VisitStart(
            visit_id=self.visit_id,
            record_id=self._record_id,
            number=self._member.number,
            operator_name=self._operator.name,
            operator_authenticated_by=self._operator.authenticated_by,
            language=self._language,
            policy_sha256=self._rules.sha256,
            notice_shown_at_ns=shown_at,
        )
        return shown_at, self._journal.begin(start)

    def _give_notice(self) -> int:
        shown_at = self._clock_ns()
        if self._ask("notice", self._policy.notice.words, (YES, NO)) != YES.code:
            raise NoticeRefused
        return shown_at

    def _perform(self, stage: Stage, journal: VisitJournal) -> None:
        while True:
            started = time.monotonic()
            self.events.add("stage_started", {"stage": stage.name})
            outcome, error = self._attempt(stage)
            took_ms = round((time.monotonic() - started) * 1000)
            if outcome is not None:
                self._report(outcome.evidence, took_ms)
            if self._settled(stage, outcome, error):
                break
        final = self._final(stage, outcome, error, took_ms)
        finished = FinishedStage(final.evidence, took_ms, final.shown)
        journal.add(finished)
        self._finished.append(finished)
        if stage.name == PORTRAIT:
            self.portrait.close()

    def _attempt(self, stage: Stage) -> tuple[Outcome | None, KioskError | None]:
        try:
            outcome = stage.perform(self._context())
        except (Cancelled, VisitCancelled):
            raise
        except KioskError as error:
            self._hindered(stage, error)
            return None, error
        if outcome.problem is not None:
            self._hindered(stage, outcome.problem)
        return outcome, None

    def _context(self) -> Context:
        who = (self._record_id, self._member, self._key)
        decided = (self.fingers.exceptions, self.portrait)
        earlier = tuple(finished.evidence for finished in self._finished)
        return Context(*who, self._guide, self._cancelled, *decided, self._ask, self.screen, earlier)

    def _final(self, stage: Stage, outcome: Outcome | None, error: KioskError | None, took_ms: int) -> Outcome:
        """Return what is recorded of a stage that is over: with everything that was declared since it was done."""
        if not isinstance(stage, SettlingStage):
            return outcome if outcome is not None else Outcome(_missing(stage, error))
        final = stage.settle(self._context(), outcome, error)
        if outcome is not None and final.evidence != outcome.evidence:
            self._report(final.evidence, took_ms)
        return final

    def _hindered(self, stage: Stage, error: KioskError) -> None:
        log.warning("visit.stage_error", visit=self.visit_id, stage=stage.name, code=error.code)
        self.events.add("guidance", describe(error) | {"stage": stage.name})

    def _settled(self, stage: Stage, outcome: Outcome | None, error: KioskError | None) -> bool:
        """Say whether the visit goes on; False means the stage is done again."""
        if outcome is not None and self._good_enough(stage, outcome.evidence.verdict):
            return True
        may_go_on = stage.name in self._policy.may_fail
        choices = (RETRY, GO_ON, STOP) if may_go_on else (RETRY, STOP)
        cause = error.words if error is not None else StageFailed.words
        choice = self._ask("stage_failed", cause, choices, stage=stage.name)
        if choice == STOP.code:
            self._forget()  # people gave the visit up: nothing waits to be gone on with
            raise error if error is not None else StageFailed(stage.name)
        return choice == GO_ON.code

    def _good_enough(self, stage: Stage, verdict: Verdict) -> bool:
        """Let what could not be assessed go on as such, unless the policy wants this stage passed."""
        if verdict is Verdict.NOT_ASSESSED:
            return stage.name not in self._policy.must_pass
        return verdict is Verdict.PASSED

    def _confirm(self) -> None:
        self._enter(VisitState.CONFIRMING)
        shown = {label: value for stage in self._finished for label, value in stage.shown.items()}
        if self._ask("confirm", CONFIRM, (YES, NO), shown=shown) != YES.code:
            raise VisitCancelled

    def _file(self, shown_at_ns: int) -> VisitFile:
        opened_by = self._operator
        if self._unfinished is not None:
            start = self._unfinished.start
            opened_by = OperatorIdentity(start.operator_name, start.operator_authenticated_by)
        return VisitFile(
            record_id=self._record_id,
            member=self._member,
            operator=self._operator,
            language=self._language,
            notice_shown_at_ns=shown_at_ns,
            stages=tuple(self._finished),
            visit_id=self.visit_id,
            resumed=self._unfinished is not None,
            opened_by=opened_by,
        )

    def _store(self, file: VisitFile) -> None:
        self._enter(VisitState.SEALING)
        started = time.monotonic()
        stored = self._submit(file)
        took_ms = round((time.monotonic() - started) * 1000)
        self._enter(VisitState.DURABLE)
        self._forget()
        self.events.add("durable", {"record_id": stored.record_id, "epoch": stored.epoch, "seq": stored.seq})
        self.events.add("ended", {"state": self.state.value, "record_id": stored.record_id})
        log.info(
            "visit.durable",
            visit=self.visit_id,
            record=stored.record_id,
            seq=stored.seq,
            size_bytes=stored.size_bytes,
            took_ms=took_ms,
        )

    def _ask(self, code: str, words: Words, choices: tuple[Choice, ...], **more: object) -> str:
        question = self._questions.ask(code, words, choices)
        payload = {
            "question": question.number,
            "code": code,
            "words": both(words),
            "choices": [{"code": c.code, "words": both(c.words)} for c in choices],
        }
        self.events.add("question", payload | more)
        return self._questions.wait(self._policy.answer_wait_s)

    def _guide(self, guidance: Guidance) -> None:
        payload = {
            "code": guidance.code,
            "words": both(guidance.words),
            "done": guidance.done,
            "total": guidance.total,
        }
        self.events.add("guidance", payload)

    def _report(self, evidence: Evidence, took_ms: int) -> None:
        checks = [describe_check(check) for check in evidence.checks]
        payload = {"stage": evidence.stage, "verdict": evidence.verdict.value, "reason": evidence.reason}
        self.events.add("stage_ended", payload | {"took_ms": took_ms, "checks": checks})
        log.info(
            "visit.stage",
            visit=self.visit_id,
            stage=evidence.stage,
            verdict=evidence.verdict.value,
            took_ms=took_ms,
        )

    def _enter(self, state: VisitState) -> None:
        if state not in ALLOWED[self.state]:
            raise AssertionError(f"{self.state} -> {state}")
        self.state = state
        self.events.add("state", {"state": state.value})

    def _stopped(self, error: KioskError) -> None:
        """People's stop keeps nothing; the daemon's own stop keeps the journal."""
        if self._interrupted.is_set():
            self._end(VisitState.FAILED, VisitInterrupted())
            return
        self._forget()
        self._end(VisitState.CANCELLED, error if not isinstance(error, Cancelled) else VisitCancelled())

    def _forget(self) -> None:
        try:
            self._journal.destroy()
        except OSError as error:
            # The record is durable, or nothing is wanted any more: only the technician needs to know.
            log.error("visit.journal_not_destroyed", visit=self.visit_id, errno=error.errno)

    def _end(self, state: VisitState, error: KioskError) -> None:
        self._enter(state)
        self.events.add("ended", {"state": state.value, "error": describe(error)})
        log.info("visit.ended", visit=self.visit_id, state=state.value, code=error.code)


def _missing(stage: Stage, error: KioskError | None) -> Evidence:
    code = error.code if error is not None else "unknown"
    return Evidence(stage.name, (Check(stage.name, Verdict.FAILED, f"not captured: {code}"),))
