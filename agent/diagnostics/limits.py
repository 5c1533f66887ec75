"""What a check may wait for: its deadline, measurements that it shares with others, and how it ends otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from agent.diagnostics.finding import Outcome
from agent.words import Words

WITHIN_S = 10.0
T = TypeVar("T")


class SeeOther(Exception):
    """What this check needs is missing, and another check tells why; the text is that check's code."""


class NotAssessed(Exception):
    """The machine does not tell; `words` say why."""

    def __init__(self, vi: str, en: str, evidence: str = "") -> None:
        super().__init__(en)
        self.words, self.evidence = Words(vi, en), evidence


class Found(Exception):
    """A measurement that several checks look at met this fault."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


class TimedOut(Exception):
    """The deadline passed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """For one run of one check. `deadline` is on time.monotonic(); `selected` are the codes of all that run."""

    check: str
    deadline: float
    cancelled: Event
    selected: frozenset[str] = frozenset()

    @property
    def left_s(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """The deadline has passed, or the run was cancelled."""
        return self.cancelled.is_set() or time.monotonic() >= self.deadline


class Shared(Generic[T]):
    """A measurement that several checks look at: made once, in a thread of its own, for whoever asks first.

    Why it failed is told by the check `owner`; the others refer to that one, unless it does not run.
    """

    def __init__(self, owner: str, make: Callable[[Limits], T], within_s: float = WITHIN_S) -> None:
        self.owner = owner
        self._make, self._within_s = make, within_s
        self._lock, self._done = Lock(), Event()
        self._begun = False
        self._result: tuple[T] | None = None
        self._failure: BaseException | None = None

    def get(self, limits: Limits) -> T:
        """Return it. Raises what making it raised, SeeOther, or TimedOut."""
        with self._lock:
            if not self._begun:
                self._begun = True
                own = Limits(self.owner, time.monotonic() + self._within_s, limits.cancelled, limits.selected)
                Thread(target=self._run, args=(own,), name=f"doctor {self.owner}", daemon=True).start()
        if not self._done.wait(limits.left_s):
            raise TimedOut
        if self._result is not None:
            return self._result[0]
        root_is_elsewhere = isinstance(self._failure, SeeOther)
        if limits.check != self.owner and self.owner in limits.selected and not root_is_elsewhere:
            raise SeeOther(self.owner)
        raise self._failure or TimedOut

    def _run(self, limits: Limits) -> None:
        try:
            self._result = (self._make(limits),)
        except BaseException as failure:
            self._failure = failure
        finally:
            self._done.set()
