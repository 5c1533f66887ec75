"""The frame: side by side, each with its deadline, and every way in which a check can end."""

from __future__ import annotations

from threading import Barrier, Event

import pytest

from agent.devices.errors import NoReader
from agent.diagnostics.check import Check
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Finding, Outcome, Verdict, ok, skipped, warn, worst
from agent.diagnostics.limits import Limits, NotAssessed, SeeOther, Shared
from agent.diagnostics.run import run_checks, select
from agent.words import Words
from tests.diagnostics.conftest import Kiosk

TITLE = Words("a", "b")
FAULT = warn("test.one.fault", "vi", "en", "cách", "remedy")


def check(code: str, run: object, within_s: float = 30) -> Check:
    """Return a check that does `run`."""
    return Check(code, TITLE, run, (FAULT,), within_s)  # type: ignore[arg-type] # each test's own function


def raising(error: Exception) -> object:
    """Return a function that raises."""

    def run(_context: Context, _limits: Limits) -> Outcome:
        raise error

    return run


def test_checks_run_side_by_side(kiosk: Kiosk) -> None:
    """Five checks that all wait for each other come to an end."""
    barrier = Barrier(5)

    def meet(_context: Context, _limits: Limits) -> Outcome:
        barrier.wait(30)
        return ok("met")

    findings = run_checks([check(f"test.{n}", meet) for n in range(5)], kiosk.context())
    assert [(f.check, f.verdict) for f in findings] == [(f"test.{n}", Verdict.OK) for n in range(5)]


def test_a_hung_check_is_told_and_holds_nobody_up(kiosk: Kiosk) -> None:
    """The other's finding comes first; the hung one is an error with a remedy; and it is told to stop."""
    told: list[Finding] = []
    stopped, go = Event(), Event()

    def hang(_context: Context, limits: Limits) -> Outcome:
        go.wait(60)
        if limits.cancelled.wait(30):
            stopped.set()
        return ok("too late")

    checks = [check("test.hung", hang, 0.05), check("test.quick", lambda _c, _l: ok(""))]
    findings = run_checks(checks, kiosk.context(), told.append)
    go.set()
    assert [f.check for f in told] == ["test.quick", "test.hung"]
    assert (findings[0].code, findings[0].verdict) == ("test.hung.timed_out", Verdict.ERROR)
    assert findings[0].remedy.vi
    assert stopped.wait(30)


@pytest.mark.parametrize(
    ("error", "code", "verdict"),
    [
        (NoReader("x"), "card.no_reader", Verdict.ERROR),
        (SeeOther("test.other"), "test.one", Verdict.SKIPPED),
        (NotAssessed("không", "no"), "test.one", Verdict.NOT_ASSESSED),
        (RuntimeError("001099012345 Nguyễn Văn An"), "test.one.broken", Verdict.ERROR),
    ],
    ids=["kiosk-error", "see-other", "not-assessed", "bug"],
)
def test_every_way_to_end(kiosk: Kiosk, error: Exception, code: str, verdict: Verdict) -> None:
    """An error keeps its code and words; a bug tells type and place and never its message."""
    (found,) = run_checks([check("test.one", raising(error))], kiosk.context())
    assert (found.code, found.verdict) == (code, verdict)
    assert "Nguyễn" not in str(found)
    assert found.cause.vi


def test_cancelling_ends_the_run(kiosk: Kiosk) -> None:
    """What is done is kept, the rest left out."""
    cancelled = Event()

    def hang(_context: Context, limits: Limits) -> Outcome:
        limits.cancelled.wait(60)
        return ok("")

    checks = [check("test.done", lambda _c, _l: ok("")), check("test.hung", hang)]
    findings = run_checks(checks, kiosk.context(), lambda _: cancelled.set(), cancelled)
    assert [f.check for f in findings] == ["test.done"]


class TestSelecting:
    """`--only`."""

    CHECKS = (check("a.one", None), check("a.two", None), check("test.one", None))

    @pytest.mark.parametrize(
        ("wanted", "codes"),
        [
            ([], ["a.one", "a.two", "test.one"]),
            (["a"], ["a.one", "a.two"]),
            (["a.two", "test"], ["a.two", "test.one"]),
            (["test.one"], ["test.one"]),
        ],
    )
    def test_by_family_and_code(self, wanted: list[str], codes: list[str]) -> None:
        """Several words add up, and the order stays."""
        assert [c.code for c in select(self.CHECKS, wanted)] == codes

    def test_by_a_faults_code(self) -> None:
        """What a technician reads in a finding can be asked for again."""
        assert "test.one" in [c.code for c in select(self.CHECKS, ["test.one.fault"])]

    def test_a_word_that_means_nothing(self) -> None:
        """It is named."""
        with pytest.raises(LookupError, match=r"a\.three"):
            select(self.CHECKS, ["a", "a.three"])


class TestShared:
    """A measurement for several checks."""

    def test_it_is_made_once(self, kiosk: Kiosk) -> None:
        """Both checks see the same one."""
        made = iter(range(1, 9))
        shared = Shared("a.one", lambda _: next(made))
        checks = [check(code, lambda _c, limits: ok(str(shared.get(limits)))) for code in ("a.one", "a.two")]
        assert [f.evidence for f in run_checks(checks, kiosk.context())] == ["1", "1"]

    @pytest.mark.parametrize(
        ("codes", "told"),
        [(["a.one", "a.two"], ["card.no_reader", "a.two"]), (["a.two"], ["card.no_reader"])],
        ids=["owner-runs", "alone"],
    )
    def test_the_owner_tells_why_it_failed(self, kiosk: Kiosk, codes: list[str], told: list[str]) -> None:
        """One cause is one error; a check that runs without the owner tells it itself."""

        def fail(_: Limits) -> str:
            raise NoReader

        shared = Shared("a.one", fail)
        checks = [check(code, lambda _c, limits: ok(shared.get(limits))) for code in codes]
        assert [f.code for f in run_checks(checks, kiosk.context())] == told

    def test_whoever_waits_for_a_hung_one_times_out(self, kiosk: Kiosk) -> None:
        """At its own deadline."""
        go = Event()
        shared = Shared("a.one", lambda _: go.wait(60))
        (found,) = run_checks([check("a.two", lambda _c, limits: ok(str(shared.get(limits))), 0.05)], kiosk.context())
        go.set()
        assert found.code == "a.two.timed_out"


def test_the_worst_verdict_decides() -> None:
    """Error beats warn beats the rest."""
    findings = [
        Finding("a", TITLE, "a", verdict, TITLE, "", TITLE, 0)
        for verdict in (Verdict.OK, Verdict.WARN, Verdict.SKIPPED, Verdict.NOT_ASSESSED)
    ]
    assert worst(findings) is Verdict.WARN
    assert worst([]) is Verdict.OK
    assert skipped("a", "b").verdict is Verdict.SKIPPED
