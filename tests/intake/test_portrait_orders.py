"""What people may decide about a portrait, and what is refused."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agent.capture.evidence import Check, Evidence, Verdict
from agent.capture.portrait import Reason
from agent.intake.errors import PortraitOrderNotAllowed, PortraitOver, SupervisorMissing
from agent.intake.portrait_orders import PortraitOrders
from agent.intake.portrait_policy import PortraitSection

BAD = Evidence("portrait", (Check("head_pose_roll", Verdict.FAILED, "20 is outside -8..8"),))
WRONG_NAMES = ["", "  ", "x" * 101, "a\u202eb"]


def test_an_order_by_hand_waits_for_the_next_frame() -> None:
    """By its code; taken once."""
    orders = PortraitOrders()
    orders.take_by_hand("cannot_pose")
    assert orders.by_hand.pending() is Reason.CANNOT_POSE
    assert orders.by_hand.pending() is None


def test_a_special_case_relaxes_its_gates_on_a_supervisors_word() -> None:
    """Only those; who allowed it is what the record will say."""
    orders = PortraitOrders()
    orders.relax("head_tilt", "  Trần  Thị Bình ")
    relaxation = orders.policy().relaxation("head_pose_roll")
    assert relaxation is not None
    assert relaxation.supervisor == "Trần Thị Bình"
    assert orders.policy().relaxation("eyes_open") is None


def test_a_special_case_allows_as_many_tries_anew() -> None:
    """After three tries a supervisor may let it be tried again."""
    orders = PortraitOrders()
    for _ in range(3):
        orders.add(BAD)
    assert orders.tries.left == 0
    orders.relax("head_tilt", "Bình")
    assert orders.tries.left == 3


@pytest.mark.parametrize("supervisor", WRONG_NAMES)
def test_no_special_case_without_a_name(supervisor: str) -> None:
    """Empty, too long, or with characters that hide what it says: refused, and nothing is relaxed."""
    orders = PortraitOrders()
    with pytest.raises(SupervisorMissing):
        orders.relax("tremor", supervisor)
    assert orders.policy().relaxations == ()


def test_only_what_the_policy_lists_may_be_ordered() -> None:
    """An unknown code is refused like one that is not allowed."""
    orders = PortraitOrders(PortraitSection(by_hand=frozenset({"light"}), special_cases=frozenset()))
    for reason in ("cannot_pose", "", "unknown"):
        with pytest.raises(PortraitOrderNotAllowed):
            orders.take_by_hand(reason)
    with pytest.raises(PortraitOrderNotAllowed):
        orders.relax("tremor", "Bình")
    orders.take_by_hand("light")


def test_after_the_portrait_every_order_is_refused_and_its_pictures_are_gone() -> None:
    """An order that comes late must not reach anybody else."""
    orders = PortraitOrders()
    orders.add(BAD)
    orders.close()
    assert not orders.tries.any
    with pytest.raises(PortraitOver):
        orders.take_by_hand("light")
    with pytest.raises(PortraitOver):
        orders.relax("tremor", "Bình")
    assert orders.choices()["open"] is False


def test_the_choices_are_told_in_vietnamese_first() -> None:
    """With codes, words and the gates that a case may relax."""
    told = cast(dict[str, Any], PortraitOrders(PortraitSection(special_cases=frozenset({"tremor"}))).choices())
    assert (told["open"], told["tries_left"], told["relaxed"]) == (True, 3, [])
    assert [one["code"] for one in told["by_hand"]][:2] == ["cannot_hold_still", "cannot_pose"]
    assert list(told["by_hand"][0]["words"]) == ["vi", "en"]
    (tremor,) = told["special_cases"]
    assert tremor["words"]["vi"] == "Run, không giữ yên được"
    assert "kiosk_motion_blur" in tremor["gates"]
