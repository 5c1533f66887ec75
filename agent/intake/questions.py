"""Questions to the operator and the person: asked by the visit's thread, answered from the screen's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Condition, Event

from agent.intake.errors import NoSuchQuestion, NotAnswered, VisitCancelled
from agent.words import Words


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible answer."""

    code: str
    words: Words


@dataclass(frozen=True, slots=True)
class Question:
    """A question on the screen; `code` says which one it is (notice, confirm, stage_failed)."""

    number: int
    code: str
    words: Words
    choices: tuple[Choice, ...]


class QuestionBox:
    """Holds the one question that is open."""

    def __init__(self, cancelled: Event) -> None:
        self._cancelled = cancelled
        self._changed = Condition()
        self._open: Question | None = None
        self._asked = 0
        self._answer: str | None = None

    def ask(self, code: str, words: Words, choices: tuple[Choice, ...]) -> Question:
        """Open a question."""
        with self._changed:
            self._asked += 1
            self._open, self._answer = Question(self._asked, code, words, choices), None
            return self._open

    def wait(self, wait_s: float) -> str:
        """Return the code of the chosen answer; raise NotAnswered after `wait_s`, or VisitCancelled."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            while self._answer is None:
                if self._cancelled.is_set():
                    raise VisitCancelled
                if time.monotonic() >= deadline:
                    raise NotAnswered
                self._changed.wait(min(0.2, deadline - time.monotonic()))
            self._open = None
            return self._answer

    def answer(self, number: int, choice: str) -> None:
        """Answer question `number`; raise NoSuchQuestion when it is not open or has no such choice."""
        with self._changed:
            question = self._open
            if question is None or question.number != number or self._answer is not None:
                raise NoSuchQuestion(f"question {number}")
            if choice not in {c.code for c in question.choices}:
                raise NoSuchQuestion(f"choice {choice!r}")
            self._answer = choice
            self._changed.notify_all()
