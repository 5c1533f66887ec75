"""The desk: finds the person on the roster and opens their visit, one at a time."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread

from agent.capture.chip import CardAccessNumber, parse_qr
from agent.intake.errors import NoSuchVisit, VisitRunning, WrongNumber
from agent.intake.policy import Policy
from agent.intake.stages import Stage
from agent.intake.visit import OperatorIdentity, Submit, Visit
from agent.roster import Member, Roster

KEPT_VISITS = 20


@dataclass(frozen=True, slots=True)
class Caller:
    """Who says they are here: exactly one of a 12-digit number, the card's QR text, or a name on the roster."""

    number: str = field(default="", repr=False)
    qr: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


class Desk:
    """Opens visits. `ensure_room` is asked before a visit starts and raises when the record could not be kept."""

    def __init__(
        self,
        load_roster: Callable[[], Roster],
        stages: Sequence[Stage],
        policy: Policy,
        submit: Submit,
        ensure_room: Callable[[], None],
    ) -> None:
        self._load_roster, self._stages, self._policy = load_roster, stages, policy
        self._submit, self._ensure_room = submit, ensure_room
        self._lock = Lock()
        self._visits: dict[str, Visit] = {}
        self._thread: Thread | None = None

    def open(self, caller: Caller, operator: OperatorIdentity, language: str) -> Visit:
        """Start the visit of this person in a thread of its own.

        Raises VisitRunning, WrongNumber, NotOnRoster, NotEligible, AmbiguousName, or NoRoom from the queue.
        """
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise VisitRunning
            member = self._member(caller)
            self._ensure_room()
            visit = Visit(
                secrets.token_hex(8),
                member,
                CardAccessNumber.from_number(member.number),
                operator,
                language,
                self._stages,
                self._policy,
                self._submit,
            )
            self._remember(visit)
            self._thread = Thread(target=visit.run, name="visit")
            self._thread.start()
            return visit

    def visit(self, visit_id: str) -> Visit:
        """Return a visit opened since the daemon's start; raise NoSuchVisit."""
        try:
            return self._visits[visit_id]
        except KeyError:
            raise NoSuchVisit(visit_id) from None

    def close(self, wait_s: float) -> None:
        """Cancel the open visit and wait for its thread."""
        for visit in self._visits.values():
            visit.cancel()
        if self._thread is not None:
            self._thread.join(wait_s)

    def _member(self, caller: Caller) -> Member:
        roster = self._load_roster()
        if caller.name:
            return roster.by_name(caller.name)
        number = parse_qr(caller.qr).number if caller.qr else caller.number
        if not re.fullmatch(r"[0-9]{12}", number):
            raise WrongNumber
        return roster.eligible(number)

    def _remember(self, visit: Visit) -> None:
        self._visits[visit.visit_id] = visit
        for old in list(self._visits)[:-KEPT_VISITS]:
            del self._visits[old]
