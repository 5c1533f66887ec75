"""What people decide about one visit's portrait: taken by hand, special cases; and the tries made so far."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from agent.capture.evidence import Evidence
from agent.capture.portrait import ByHand, PortraitPolicy, Relaxation, Tries
from agent.capture.portrait.by_hand import WORDS as REASON_WORDS
from agent.capture.portrait.special_cases import RELAXABLE
from agent.capture.portrait.special_cases import WORDS as CASE_WORDS
from agent.intake.errors import PortraitOrderNotAllowed, PortraitOver, SupervisorMissing
from agent.intake.portrait_policy import CASES, REASONS, PortraitSection
from agent.intake.showing import both

LONGEST_NAME = 100


class PortraitOrders:
    """One visit's orders and tries. Any thread may give an order; only the visit's own takes pictures.

    A special case counts at once, also for the try under way, and allows as many tries anew as the policy does.
    """

    def __init__(self, section: PortraitSection | None = None) -> None:
        self._section = section or PortraitSection()
        self.by_hand = ByHand()
        self.tries = Tries(self._section.tries)
        self._lock = Lock()
        self._policy = self._section.policy()
        self._over = False

    def take_by_hand(self, reason: str) -> None:
        """Order the next frame with a face to be taken; raise PortraitOrderNotAllowed or PortraitOver."""
        with self._lock:
            self._be_open()
            if reason not in self._section.by_hand:
                raise PortraitOrderNotAllowed(reason)
            self.by_hand.take(next(value for code, value in REASONS.items() if code == reason))

    def relax(self, case: str, supervisor: str) -> None:
        """Relax the gates of a special case on a supervisor's word.

        Raises PortraitOrderNotAllowed, SupervisorMissing or PortraitOver.
        """
        with self._lock:
            self._be_open()
            if case not in self._section.special_cases:
                raise PortraitOrderNotAllowed(case)
            name = " ".join(supervisor.split())
            if not name or len(name) > LONGEST_NAME or not name.isprintable():
                raise SupervisorMissing
            special = next(value for code, value in CASES.items() if code == case)
            self._policy = self._policy.relaxed(Relaxation(special, name))
            self.tries.allow_more(self._section.tries)

    def policy(self) -> PortraitPolicy:
        """Return what a portrait is judged by now."""
        with self._lock:
            return self._policy

    def add(self, evidence: Evidence) -> Evidence:
        """Take in a try; return the best one with the values of all."""
        with self._lock:
            self.tries.add(evidence)
            return self.tries.evidence()

    def close(self) -> None:
        """Forget the pictures; from now on every order is refused."""
        with self._lock:
            self._over = True
            self.tries = Tries(self._section.tries)

    def choices(self) -> Mapping[str, object]:
        """Return what may be ordered, JSON-ready, with the words for the screen, Vietnamese first."""
        with self._lock:
            by_hand = [
                {"code": code, "words": both(REASON_WORDS[reason])}
                for code, reason in REASONS.items()
                if code in self._section.by_hand
            ]
            cases = [
                {"code": code, "words": both(CASE_WORDS[case]), "gates": sorted(RELAXABLE[case])}
                for code, case in CASES.items()
                if code in self._section.special_cases
            ]
            relaxed = [one.case.value for one in self._policy.relaxations]
            open_now = {"open": not self._over, "tries_left": 0 if self._over else self.tries.left}
            return open_now | {"by_hand": by_hand, "special_cases": cases, "relaxed": relaxed}

    def _be_open(self) -> None:
        if self._over:
            raise PortraitOver
