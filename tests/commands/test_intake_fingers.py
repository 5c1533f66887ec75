"""Fingers that cannot be taken, declared in the terminal."""

from __future__ import annotations

from typing import get_args

import pytest

from agent.commands.finger_exceptions import REASONS
from agent.intake.policy import FingerReason
from tests.commands.conftest import Run
from tests.commands.test_intake import DONE, DURABLE, question, script
from tests.console.service import ScriptedKiosk, ScriptedVisit

NUMBER = ("--number", "001085000001")


def reasons(visit: ScriptedVisit) -> list[str]:
    """Return what was declared, right index finger first."""
    known = [visit.fingers.exceptions.of(finger) for finger in visit.fingers.asked]
    return [str(one.reason) if one else "" for one in known]


def test_at_the_question_about_failed_fingers(run: Run, kiosk: ScriptedKiosk) -> None:
    """Choice 3: the left one, missing, then answer the question itself."""
    failed = question(1, "stage_failed", stage="fingerprints")
    visit = script(kiosk, [failed, DURABLE, DONE])
    done = run("intake", *NUMBER, typed="3\n2\n1\n1\n")
    assert done.exit_code == 0, done.output
    assert reasons(visit) == ["", "missing"]
    assert visit.answers == [(1, "yes")]
    assert done.stdout.index("ngón trỏ trái") < done.stdout.index("mất vĩnh viễn")
    assert "Khai báo ngón tay không lấy được · Say that a finger cannot be taken" in done.stdout


def test_the_hand_is_held_before_the_camera_first(run: Run, kiosk: ScriptedKiosk) -> None:
    """Where the policy asks for a photo; a camera that is not there is told, and the question comes again."""
    kiosk.has_camera = False
    visit = script(kiosk, [question(1, "stage_failed", stage="fingerprints"), DURABLE, DONE])
    done = run("intake", *NUMBER, typed="3\n1\n2\n1\n2\n")
    assert "Giơ bàn tay trước máy ảnh" in done.stdout
    assert "camera.none" in done.stderr
    assert (reasons(visit), visit.answers) == (["", ""], [(1, "no")])


def test_other_stages_have_no_such_choice(run: Run, kiosk: ScriptedKiosk) -> None:
    """Only fingers can be excepted."""
    script(kiosk, [question(1, "stage_failed", stage="portrait"), DURABLE, DONE])
    assert "Khai báo ngón tay" not in run("intake", *NUMBER, typed="1\n").stdout


def test_beforehand_by_option(run: Run, kiosk: ScriptedKiosk) -> None:
    """Several fingers at once; nobody is asked."""
    visit = script(kiosk, [question(1), DURABLE, DONE])
    done = run("intake", *NUMBER, "--yes", "--except", "left_index=worn", "--except", "right_index=bandaged")
    assert done.exit_code == 0, done.output
    assert reasons(visit) == ["bandaged", "worn"]


def test_beforehand_with_a_photo_the_hand_is_waited_for(run: Run, kiosk: ScriptedKiosk) -> None:
    """The camera must not take whatever is before it just then; `--yes` says that it is there."""
    visit = script(kiosk, [question(1), DURABLE, DONE])
    done = run("intake", *NUMBER, "--except", "right_index=bandaged", typed="1\n1\n")
    assert "Giơ bàn tay trước máy ảnh" in done.stdout
    assert (reasons(visit), visit.answers) == (["bandaged", ""], [(1, "yes")])


@pytest.mark.parametrize("wrong", ["left_index", "=missing", "left_index=", "left_index=nonsense"])
def test_a_wrong_option_opens_no_visit(run: Run, kiosk: ScriptedKiosk, wrong: str) -> None:
    """A usage error with an example and the reasons that there are."""
    done = run("intake", *NUMBER, "--except", wrong)
    assert done.exit_code == 2
    assert "worn_for_now" in done.stderr
    assert kiosk.opened == []


def test_the_reasons_are_those_of_the_policy() -> None:
    """The command line has a list of its own, since it does not load the policy."""
    assert get_args(FingerReason) == REASONS


def test_an_option_that_is_refused_cancels_the_visit(run: Run, kiosk: ScriptedKiosk) -> None:
    """The person is not taken in with less said than was meant."""
    visit = script(kiosk, [question(1), DURABLE, DONE])
    done = run("intake", *NUMBER, "--yes", "--except", "left_thumb=missing")
    assert done.exit_code == 1
    assert "intake.finger_not_asked" in done.stderr
    assert (visit.cancelled, visit.answers) == (1, [])
