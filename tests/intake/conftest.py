"""People, policies and stages for visits. The stages are real classes that give what a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Thread

import pytest

from agent.capture.chip import CardAccessNumber
from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.intake.journal import Journal, JournalKey, UnfinishedVisit
from agent.intake.policy import NoticeText, Policy, Rules
from agent.intake.stages import Context, Outcome, Stage
from agent.intake.visit import OperatorIdentity, Stored, Visit, VisitFile
from agent.roster import Member
from agent.words import KioskError

RECORD_ID = bytes(range(16))
MEMBER = Member("001085000001", "Nguyễn Văn Đức", date(1985, 2, 3), "Chi bộ 1", True)
PASSED = Evidence(
    "chip", (Check("passive_authentication", Verdict.PASSED),), (Part("chip/sod", "application/cms", b"sod"),)
)
FAILED = Evidence("chip", (Check("passive_authentication", Verdict.FAILED, "sod_signature"),))


@dataclass
class ScriptedStage:
    """A stage that gives its script's next outcome: evidence, or an error to raise."""

    name: str
    script: list[Evidence | Exception]
    performed: int = 0

    def perform(self, context: Context) -> Outcome:
        """Give or raise the next item."""
        self.performed += 1
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        return Outcome(item, {"full_name": context.member.full_name})


@dataclass
class Register:
    """Takes submitted visits; raises `error` instead when one is set."""

    error: KioskError | None = None
    files: list[VisitFile] = field(default_factory=list)

    def __call__(self, file: VisitFile) -> Stored:
        """Keep the file, or fail."""
        if self.error is not None:
            raise self.error
        self.files.append(file)
        return Stored("ab" * 16, 1, len(self.files) - 1, 1000)


@pytest.fixture
def policy() -> Policy:
    """Return a policy with a short patience."""
    return Policy(
        version="test-1",
        notice=NoticeText(id="n", version="1", vi="Thông báo", en="Notice"),
        purpose="card exchange",
        legal_basis="test",
        retention_class="test",
        may_fail=frozenset({"portrait"}),
        answer_wait_s=5,
    )


@pytest.fixture
def register() -> Register:
    """Where submitted visits arrive."""
    return Register()


RunVisit = Callable[..., tuple[Visit, list[dict[str, object]]]]


@pytest.fixture
def run_visit(policy: Policy, register: Register, journal: Journal) -> RunVisit:
    """Return a function that runs a visit, answers its questions in order, and gives visit and events.

    The answer CANCEL cancels it, INTERRUPT stops it as the daemon does on its way out.
    """

    def run(
        stages: Sequence[Stage], answers: Sequence[str], unfinished: UnfinishedVisit | None = None
    ) -> tuple[Visit, list[dict[str, object]]]:
        can = CardAccessNumber.from_number(MEMBER.number)
        operator = OperatorIdentity("tester", "peer uid 0")
        rules = Rules(policy, bytes(32))
        visit = Visit("v1", RECORD_ID, MEMBER, can, operator, "vi", stages, rules, register, journal, unfinished)
        thread = Thread(target=visit.run)
        thread.start()
        told: list[dict[str, object]] = []
        waiting, closed = list(answers), False
        while not closed:
            events, closed = visit.events.after(len(told), 5)
            for event in events:
                told.append({"kind": event.kind, **event.payload})
                if event.kind == "question" and waiting:
                    question = event.payload["question"]
                    _do(visit, question, waiting.pop(0))
        thread.join(5)
        return visit, told

    return run


def _do(visit: Visit, question: int, choice: str) -> None:
    match choice:
        case "CANCEL":
            visit.cancel()
        case "INTERRUPT":
            visit.interrupt()
        case _:
            visit.answer(question, choice)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Return the journal of a kiosk whose journal key is on the disk."""
    return Journal(tmp_path / "journal", JournalKey.load(None, tmp_path / "journal.key"))


@pytest.fixture
def scripted() -> type[ScriptedStage]:
    """Return the stage class, for tests that build their own."""
    return ScriptedStage


@pytest.fixture
def passed() -> Evidence:
    """Evidence of a stage that passed."""
    return PASSED


@pytest.fixture
def failed() -> Evidence:
    """Evidence of a stage with a failed gate."""
    return FAILED
