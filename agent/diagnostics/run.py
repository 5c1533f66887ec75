"""Runs checks side by side, each against its own deadline: one that hangs is told and left behind."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

from agent.diagnostics.check import Check
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Finding, Outcome, Verdict, of_error, skipped
from agent.diagnostics.limits import Found, Limits, NotAssessed, SeeOther, TimedOut
from agent.diagnostics.system import not_permitted
from agent.words import KioskError, Words

# A check that gives up at its own deadline still gets to say so.
GRACE_S = 0.5
HEAR_CANCEL_S = 0.2
TIMED_OUT, BROKEN = "timed_out", "broken"

TIMED_OUT_WORDS = (
    Words("Bước kiểm tra không xong đúng hạn.", "The check did not end in time."),
    Words(
        "Thiết bị hoặc dịch vụ được kiểm tra có thể bị treo: rút ra cắm lại, hoặc khởi động lại kiosk.",
        "What it asked may hang: unplug it and plug it in again, or restart the kiosk.",
    ),
)
BROKEN_WORDS = (
    Words("Bước kiểm tra bị lỗi bên trong.", "The check itself met an error."),
    Words("Gửi gói hỗ trợ cho nhà phát triển.", "Send a support bundle to the developers."),
)

Tell = Callable[[Finding], None]
_Answer = tuple[Check, Outcome, float]


def select(checks: Sequence[Check], wanted: Iterable[str]) -> tuple[Check, ...]:
    """Return the checks that one of the families or codes means; all when nothing is wanted.

    Raises LookupError with the first word that means none.
    """
    words = list(wanted)
    for word in words:
        if not any(check.matches(word) for check in checks):
            raise LookupError(word)
    return tuple(check for check in checks if not words or any(check.matches(word) for word in words))


def run_checks(
    checks: Sequence[Check], context: Context, tell: Tell = lambda _: None, cancelled: Event | None = None
) -> list[Finding]:
    """Run all at once and return the findings in the checks' order; `tell` hears each as it comes."""
    # Of this run alone: what is still under way at the end is told to stop, and a hanging thread is a daemon's.
    ended = Event()
    answers: SimpleQueue[_Answer] = SimpleQueue()
    selected = frozenset(check.code for check in checks)
    begun_s = time.monotonic()
    for check in checks:
        limits = Limits(check.code, begun_s + check.within_s, ended, selected)
        arguments = (check, context, limits, answers)
        Thread(target=_answer, args=arguments, name=f"doctor {check.code}", daemon=True).start()
    try:
        found = _collect(checks, answers, begun_s, tell, cancelled or Event())
    finally:
        ended.set()
    return [found[check.code] for check in checks if check.code in found]


def _collect(
    checks: Sequence[Check], answers: SimpleQueue[_Answer], begun_s: float, tell: Tell, cancelled: Event
) -> dict[str, Finding]:
    waiting = {check.code: check for check in checks}
    found: dict[str, Finding] = {}

    def note(check: Check, outcome: Outcome, took_s: float) -> None:
        if waiting.pop(check.code, None) is not None:
            found[check.code] = finding = _finding(check, outcome, took_s)
            tell(finding)

    while waiting and not cancelled.is_set():
        try:
            note(*answers.get(timeout=HEAR_CANCEL_S))
        except Empty:
            for check in list(waiting.values()):
                took_s = time.monotonic() - begun_s
                if took_s > check.within_s + GRACE_S:
                    note(check, _timed_out(check), took_s)
    return found


def _answer(check: Check, context: Context, limits: Limits, answers: SimpleQueue[_Answer]) -> None:
    begun_s = time.monotonic()
    answers.put((check, _outcome(check, context, limits), time.monotonic() - begun_s))


def _outcome(check: Check, context: Context, limits: Limits) -> Outcome:  # noqa: PLR0911 # one for each end
    try:
        return check.run(context, limits)
    except SeeOther as other:
        return skipped(f"Xem {other}.", f"See {other}.")
    except Found as fault:
        return fault.outcome
    except NotAssessed as unknown:
        return Outcome(Verdict.NOT_ASSESSED, unknown.evidence, cause=unknown.words)
    except PermissionError as refusal:
        told = not_permitted(Path(str(refusal.filename)))
        return Outcome(Verdict.NOT_ASSESSED, told.evidence, cause=told.words)
    except TimedOut:
        return _timed_out(check)
    except KioskError as failure:
        return of_error(failure)
    except Exception as bug:
        # The message may quote anything; type and place are enough to find it.
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(bug.__traceback__)]
        evidence = f"{type(bug).__name__} at {' < '.join(reversed(places[-3:]))}"
        return Outcome(Verdict.ERROR, evidence, f"{check.code}.{BROKEN}", *BROKEN_WORDS)


def _timed_out(check: Check) -> Outcome:
    return Outcome(Verdict.ERROR, f"{check.within_s:g} s", f"{check.code}.{TIMED_OUT}", *TIMED_OUT_WORDS)


def _finding(check: Check, outcome: Outcome, took_s: float) -> Finding:
    code = outcome.code or check.code
    return Finding(
        check.code, check.title, code, outcome.verdict, outcome.cause, outcome.evidence, outcome.remedy, took_s
    )
