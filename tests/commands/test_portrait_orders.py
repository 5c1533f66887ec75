"""Orders about the portrait from the terminal: by their own commands, and when `kiosk intake` asks."""

from __future__ import annotations

import json

from agent.capture.portrait import Reason
from agent.intake.errors import VisitCancelled
from tests.commands.conftest import Run
from tests.commands.test_intake import ended, question, script
from tests.console.service import ScriptedKiosk, ScriptedVisit

FAILED = question(1, "stage_failed", stage="portrait")
END = ended(VisitCancelled(), "cancelled")


def _open(kiosk: ScriptedKiosk) -> ScriptedVisit:
    kiosk.told = {"visit": "v1"}
    return kiosk.visits.setdefault("v1", ScriptedVisit("v1"))


def test_the_open_visits_portrait_is_taken_by_hand(run: Run, kiosk: ScriptedKiosk) -> None:
    """Without naming the visit: there is one."""
    visit = _open(kiosk)
    done = run("portrait", "by-hand", "light", "--json")
    assert done.exit_code == 0, done.output
    # The daemon, in this very process here, logs to the same place.
    assert json.loads(done.stdout.splitlines()[-1]) == {"visit": "v1", "ordered": True}
    assert visit.portrait.by_hand.pending() is Reason.LIGHT


def test_a_special_case_needs_its_supervisor(run: Run, kiosk: ScriptedKiosk) -> None:
    """The option is required; the words come from the daemon."""
    visit = _open(kiosk)
    assert run("portrait", "special-case", "tremor").exit_code == 2
    assert run("portrait", "special-case", "tremor", "--supervisor", "Bình").exit_code == 0
    assert visit.portrait.policy().relaxations[0].supervisor == "Bình"
    assert "intake.portrait_order" in run("portrait", "special-case", "hurry", "--supervisor", "Bình").stderr


def test_without_an_open_visit_the_order_is_refused(run: Run) -> None:
    """It waits for nobody."""
    done = run("portrait", "by-hand", "light")
    assert done.exit_code == 1
    assert "console.no_visit" in done.stderr


def test_a_failed_portrait_offers_both(run: Run, kiosk: ScriptedKiosk) -> None:
    """Beside the question's own choices; after the order the stage is done again."""
    visit = script(kiosk, [FAILED, END])
    done = run("intake", "--number", "001085000001", typed="3\n3\n")
    assert "Chụp tay, có lý do" in done.stdout
    assert visit.portrait.by_hand.pending() is Reason.LIGHT
    assert visit.answers == [(1, "retry")]


def test_a_refused_order_asks_again(run: Run, kiosk: ScriptedKiosk) -> None:
    """No supervisor's name: told, and nothing was answered for the person."""
    visit = script(kiosk, [FAILED, END])
    done = run("intake", "--number", "001085000001", typed="4\n2\n\n4\n2\nTrần Thị Bình\n")
    assert "intake.supervisor_missing" in done.stderr
    assert visit.answers == [(1, "retry")]
    assert [one.supervisor for one in visit.portrait.policy().relaxations] == ["Trần Thị Bình"]


def test_other_stages_offer_neither(run: Run, kiosk: ScriptedKiosk) -> None:
    """Orders are about the portrait."""
    script(kiosk, [question(1, "stage_failed", stage="chip"), END])
    assert "Chụp tay" not in run("intake", "--number", "001085000001", typed="1\n").stdout
