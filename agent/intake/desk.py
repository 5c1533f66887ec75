"""The desk: finds the person on the roster and opens their visit, one at a time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread

import structlog

from agent.capture.chip import AccessKey, CardAccessNumber
from agent.capture.chip.identity import CITIZEN_DIGITS
from agent.capture.chip.sources import Source, from_mrz, from_qr
from agent.intake.discards import Discard, Discards
from agent.intake.errors import (
    JournalUnreadable,
    NoSuchVisit,
    NothingUnfinished,
    PolicyChanged,
    VisitRunning,
    VisitUnfinished,
    WrongNumber,
)
from agent.intake.journal import Journal, UnfinishedVisit
from agent.intake.policy import Rules
from agent.intake.stages import Stage
from agent.intake.visit import OperatorIdentity, Submit, Visit
from agent.roster import Member, Roster

log = structlog.get_logger()

KEPT_VISITS = 20
RECORD_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Caller:
    """Who says they are here: exactly one of a number, the card's QR text, its zone, or a name on the roster."""

    number: str = field(default="", repr=False)
    qr: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    mrz: str = field(default="", repr=False)


class Desk:
    """Opens visits, one at a time, and takes up one that was cut off.

    `ensure_room` is asked before a visit starts and raises when the record could not be kept. `newest_record_id`
    tells the id of the last durable record, so that a visit cut off after its record was stored is not taken up.
    """

    def __init__(
        self,
        load_roster: Callable[[], Roster],
        stages: Sequence[Stage],
        rules: Rules,
        submit: Submit,
        ensure_room: Callable[[], None],
        journal: Journal,
        newest_record_id: Callable[[], bytes | None],
        discards: Discards,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._load_roster, self._stages, self._rules = load_roster, stages, rules
        self._submit, self._ensure_room = submit, ensure_room
        self._journal, self._newest_record_id = journal, newest_record_id
        self._discards, self._clock_ns = discards, clock_ns
        self._lock = Lock()
        self._visits: dict[str, Visit] = {}
        self._thread: Thread | None = None

    def open(self, caller: Caller, operator: OperatorIdentity, language: str) -> Visit:
        """Start the visit of this person in a thread of its own.

        Raises VisitRunning, VisitUnfinished, WrongNumber, QrUnreadable, NotAnMrz, NotOnRoster, NotEligible,
        AmbiguousName, or NoRoom from the queue.
        """
        with self._lock:
            self._be_free()
            if self._unfinished() is not None:
                raise VisitUnfinished
            source = _source(caller)
            member = self._member(caller, source)
            key = self._key(member, source)
            record_id = secrets.token_bytes(RECORD_ID_BYTES)
            return self._start(secrets.token_hex(8), record_id, member, key, operator, language)

    def resume(self, operator: OperatorIdentity) -> Visit:
        """Go on with the visit that was cut off; its finished stages are not done again.

        Raises VisitRunning, NothingUnfinished, PolicyChanged, JournalUnreadable, NotOnRoster, NotEligible or NoRoom.
        """
        with self._lock:
            self._be_free()
            unfinished = self._unfinished()
            if unfinished is None:
                raise NothingUnfinished
            start = unfinished.start
            if start.policy_sha256 != self._rules.sha256:
                raise PolicyChanged
            member = self._load_roster().eligible(start.number)
            # A power cut in the middle of discarding leaves the note and the visit.
            self._discards.forget_visit(start.visit_id)
            key = CardAccessNumber.from_number(member.number)
            return self._start(start.visit_id, start.record_id, member, key, operator, start.language, unfinished)

    def discard(self, operator: OperatorIdentity) -> None:
        """Destroy what a cut-off visit left; the log tells it, and so does the next record.

        Raises VisitRunning, NothingUnfinished or OSError.
        """
        with self._lock:
            self._be_free()
            try:
                unfinished = self._unfinished()
                if unfinished is None:
                    raise NothingUnfinished
                visit, stages = unfinished.start.visit_id, [one.evidence.stage for one in unfinished.stages]
            except JournalUnreadable:
                visit, stages = "", []
            note = Discard(visit, self._clock_ns(), tuple(stages), operator.name, operator.authenticated_by)
            # The note first: a power cut in between must not hide that a visit was discarded.
            self._discards.add(note)
            self._journal.destroy()
            log.warning(
                "visit.discarded", visit=visit or "unreadable", stages=stages, operator=operator.authenticated_by
            )

    def change(self, make: Callable[[], tuple[Sequence[Stage], Rules]]) -> bool:
        """Follow other rules, with other stages, which `make` gives; false while a visit is open or waits.

        Nobody can open a visit while `make` runs.
        """
        with self._lock:
            if self._running():
                return False
            try:
                if self._unfinished() is not None:
                    return False
            except JournalUnreadable:
                return False
            self._stages, self._rules = make()
        return True

    def busy(self) -> bool:
        """Say whether a visit is open now."""
        with self._lock:
            return self._running()

    def open_visit(self) -> str:
        """Return the id of the visit that is open now; empty when there is none."""
        with self._lock:
            return list(self._visits)[-1] if self._running() else ""

    def stages(self) -> list[dict[str, object]]:
        """Return the newest visit's stages so far: name, verdict and milliseconds, null while one is under way."""
        with self._lock:
            newest = next(reversed(self._visits.values()), None)
        found: dict[str, dict[str, object]] = {}
        for event in newest.events.after(0, 0)[0] if newest is not None else ():
            if event.kind in ("stage_started", "stage_ended"):
                # Nothing else of an event may leave the visit: it can hold personal data.
                name = str(event.payload["stage"])
                found[name] = {"stage": name} | {key: event.payload.get(key) for key in ("verdict", "took_ms")}
        return list(found.values())

    def unfinished(self) -> bool:
        """Say whether a visit was cut off and waits to be gone on with or discarded."""
        with self._lock:
            if self._running():
                return False
            try:
                return self._unfinished() is not None
            except JournalUnreadable:
                return True

    def visit(self, visit_id: str) -> Visit:
        """Return a visit opened since the daemon's start; raise NoSuchVisit."""
        try:
            return self._visits[visit_id]
        except KeyError:
            raise NoSuchVisit(visit_id) from None

    def close(self, wait_s: float) -> None:
        """Interrupt the open visit, which stays in the journal, and wait for its thread."""
        for visit in self._visits.values():
            visit.interrupt()
        if self._thread is not None:
            self._thread.join(wait_s)

    def _running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _be_free(self) -> None:
        if self._running():
            raise VisitRunning

    def _unfinished(self) -> UnfinishedVisit | None:
        unfinished = self._journal.unfinished()
        if unfinished is not None and unfinished.start.record_id == self._newest_record_id():
            # Cut off between the durable record and the end of the journal: this person is done.
            self._journal.destroy()
            return None
        return unfinished

    def _start(
        self,
        visit_id: str,
        record_id: bytes,
        member: Member,
        key: AccessKey,
        operator: OperatorIdentity,
        language: str,
        unfinished: UnfinishedVisit | None = None,
    ) -> Visit:
        self._ensure_room()
        visit = Visit(
            visit_id,
            record_id,
            member,
            key,
            operator,
            language,
            self._stages,
            self._rules,
            self._submit,
            self._journal,
            unfinished,
            self._clock_ns,
        )
        self._visits[visit_id] = visit
        for old in list(self._visits)[:-KEPT_VISITS]:
            del self._visits[old]
        self._thread = Thread(target=visit.run, name="visit")
        self._thread.start()
        return visit

    def _member(self, caller: Caller, source: Source | None) -> Member:
        roster = self._load_roster()
        if caller.name:
            return roster.by_name(caller.name)
        number = caller.number if source is None else source.number
        if number is None or not CITIZEN_DIGITS.fullmatch(number):
            raise WrongNumber
        return roster.eligible(number)

    def _key(self, member: Member, source: Source | None) -> AccessKey:
        """Return the zone's key for documents that have no card access number, which the zone alone opens."""
        if source is not None and source.zone is not None and self._rules.policy.document == "icao":
            return source.zone
        return CardAccessNumber.from_number(member.number)


def _source(caller: Caller) -> Source | None:
    if caller.qr:
        return from_qr(caller.qr)
    return from_mrz(caller.mrz) if caller.mrz else None
