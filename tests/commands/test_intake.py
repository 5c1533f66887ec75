from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from agent.commands.intake import typed
from agent.intake.errors import NotAnswered, VisitCancelled
from agent.intake.events import EventKind
from agent.intake.showing import describe
from agent.words import KioskError
from tests.commands.conftest import Run
from tests.console.service import ScriptedKiosk, ScriptedVisit

WORDS = {"vi": "Đồng ý không?", "en": "Do you agree?"}
CHOICES = [{"code": code, "words": {"vi": code, "en": code}} for code in ("yes", "no")]
Happening = tuple[EventKind, dict[str, Any]]

STAGE: Happening = ("stage_ended", {"stage": "chip", "verdict": "passed", "reason": "", "took_ms": 1500, "checks": []})
DURABLE: Happening = ("durable", {"record_id": "ab" * 16, "epoch": 1, "seq": 7})
DONE: Happening = ("ended", {"state": "durable", "record_id": "ab" * 16})


def question(number: int, code: str = "notice", **more: object) -> Happening:
    """Return a question to the operator."""
    return "question", {"question": number, "code": code, "words": WORDS, "choices": CHOICES, **more}


def ended(error: KioskError, state: str) -> Happening:
    """Return the end of a visit that kept nothing."""
    return "ended", {"state": state, "error": describe(error)}


def script(kiosk: ScriptedKiosk, happenings: Iterable[Happening]) -> ScriptedVisit:
    """Let the visit `v1` happen so."""
    visit = kiosk.visits.setdefault("v1", ScriptedVisit("v1"))
    for kind, payload in happenings:
        visit.events.add(kind, payload)
    visit.events.close()
    return visit


def test_a_visit_is_shown_and_confirmed(run: Run, kiosk: ScriptedKiosk) -> None:
    """Questions are answered by the person at the terminal, stages are told in a table, both languages."""
    visit = script(kiosk, [question(1), STAGE, question(2, "confirm", shown={"Họ tên": "Đức"}), DURABLE, DONE])
    done = run("intake", "--number", "001085000001", typed="1\nx\n9\n2\n")
    assert done.exit_code == 0, done.output
    assert visit.answers == [(1, "yes"), (2, "no")]
    for words in ("Đồng ý không?", "Họ tên: Đức", "Chip thẻ căn cước", "1.50 s", "đã lưu an toàn", "is durable"):
        assert words in done.stdout


def test_agreement_beforehand_never_waves_a_failed_stage_through(run: Run, kiosk: ScriptedKiosk) -> None:
    """`--yes` answers notice and confirmation; a failed stage ends the visit."""
    visit = script(kiosk, [question(1), question(2, "stage_failed"), ended(KioskError("x"), "failed")])
    done = run("intake", "--number", "001085000001", "--yes")
    assert visit.answers == [(1, "yes"), (2, "cancel")]
    assert done.exit_code == 1
    assert "kiosk.error" in done.stderr


@pytest.mark.parametrize(
    ("error", "state", "exit_code"),
    [(VisitCancelled(), "cancelled", 5), (NotAnswered(), "failed", 1)],
    ids=["cancelled", "failed"],
)
def test_the_exit_code_tells_who_ended_it(
    run: Run, kiosk: ScriptedKiosk, error: KioskError, state: str, exit_code: int
) -> None:
    """People (5) or a failure (1), with cause and remedy."""
    script(kiosk, [ended(error, state)])
    done = run("intake", "--number", "001085000001")
    assert done.exit_code == exit_code
    assert error.words.vi in done.stderr
    assert error.remedy.vi in done.stderr


def test_an_answer_that_comes_too_late_is_not_the_cause_told(run: Run, kiosk: ScriptedKiosk) -> None:
    """The visit ended while somebody was still reading: its own end says why."""
    script(kiosk, [question(99), ended(NotAnswered(), "failed")])
    done = run("intake", "--number", "001085000001", "--yes")
    assert done.exit_code == 1
    assert "intake.not_answered" in done.stderr
    assert "no_such_question" not in done.output


def test_nobody_at_the_terminal_cancels_and_tells_the_true_end(run: Run, kiosk: ScriptedKiosk) -> None:
    """End of input is like Ctrl-C: cancelled at the daemon, and the end that came is told."""
    visit = script(kiosk, [question(1), ended(VisitCancelled(), "cancelled")])
    done = run("intake", "--number", "001085000001", typed="")
    assert (done.exit_code, visit.cancelled, visit.answers) == (5, 1, [])
    assert "intake.cancelled" in done.stderr


def test_a_record_that_was_already_sealed_is_told_although_cancelled(run: Run, kiosk: ScriptedKiosk) -> None:
    """Nobody must believe that nothing was kept."""
    script(kiosk, [question(1), DURABLE, DONE])
    done = run("intake", "--number", "001085000001", typed="")
    assert done.exit_code == 0
    assert "đã lưu an toàn" in done.stdout


@pytest.mark.parametrize(
    ("states", "exit_code", "word"),
    [(["durable", "sent", "acknowledged"], 0, "signed receipt"), (["sent"], 6, "No receipt yet")],
    ids=["receipt", "none"],
)
def test_the_receipt_is_waited_for_when_asked(
    run: Run, kiosk: ScriptedKiosk, states: list[str], exit_code: int, word: str
) -> None:
    """0 with the receipt, 6 without: then the record is durable here all the same."""
    kiosk.record_states = states
    script(kiosk, [DURABLE, DONE])
    wait_s = 20 if exit_code == 0 else 0.2
    done = run("intake", "--number", "001085000001", "--wait-receipt", wait_s)
    assert done.exit_code == exit_code
    assert word in done.stdout


def test_json_is_one_value_a_line_and_nothing_else(run: Run, kiosk: ScriptedKiosk) -> None:
    """A script reads standard output; questions to people go to standard error."""
    kiosk.record_states = ["acknowledged"]
    script(kiosk, [question(1), STAGE, DURABLE, DONE])
    done = run("intake", "--number", "001085000001", "--json", "--wait-receipt", 20, typed="1\n")
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["question", "stage_ended", "durable", "ended", "record", "record"]
    assert lines[-1] == {"kind": "record", "record_id": "ab" * 16, "state": "acknowledged"}
    assert "Đồng ý không?" in done.stderr


@pytest.mark.parametrize(
    ("scanned", "kind"),
    [("001085000001", "number"), ("001085000001|x|y", "qr"), ("IDVNM0850000010001085000001<<1\nM\nN", "mrz")],
)
def test_a_scanner_that_types_is_understood(scanned: str, kind: str) -> None:
    """Number, QR text, or all lines of a zone; what it is worth the daemon says."""
    assert typed(iter(scanned.split("\n")).__next__) == {kind: scanned}


def test_a_card_before_the_camera_opens_the_visit(run: Run, kiosk: ScriptedKiosk) -> None:
    """Scanned by the daemon, which has the camera."""
    script(kiosk, [question(1), DURABLE, DONE])
    assert run("intake", "--camera", typed="1\n").exit_code == 0
    assert kiosk.opened[0][0].qr == "001085000001|||||||"


def test_a_refused_start_is_told(run: Run) -> None:
    """In words, or as JSON."""
    assert "intake.wrong_number" in run("intake", "--number", "1").stderr
    done = run("intake", "--number", "1", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "intake.wrong_number"


def test_words_are_not_taken_for_markup(run: Run, kiosk: ScriptedKiosk) -> None:
    """A name with brackets is shown as it is."""
    script(kiosk, [question(1, "confirm", shown={"Tên": "[red]X[/]"}), ended(VisitCancelled(), "cancelled")])
    assert "[red]X[/]" in run("intake", "--number", "001085000001", typed="2\n").stdout


def test_a_red_banner_warns_of_a_kiosk_in_development(run: Run, kiosk: ScriptedKiosk) -> None:
    """Told on standard error, so that it is seen beside --json too; a real kiosk shows none."""
    script(kiosk, [question(1), ended(VisitCancelled(), "cancelled")])
    assert "DEVELOPMENT" not in run("intake", "--number", "001085000001", "--yes").stderr
    kiosk.told = {"test": True}
    script(kiosk, [question(1), ended(VisitCancelled(), "cancelled")])
    done = run("intake", "--number", "001085000001", "--yes", "--json")
    assert "DEVELOPMENT" in done.stderr
    assert "DEVELOPMENT" not in done.stdout
