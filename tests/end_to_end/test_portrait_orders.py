"""People who cannot meet the gates, through the whole kiosk: by hand, special case, several tries, in the record."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.harness import Answer, Event, Kiosk, Told

TILTED = "portrait.head_upright"


def _order(kiosk: Kiosk, *arguments: str) -> None:
    done = kiosk.run("agent.cli", "portrait", *arguments, "--socket", str(kiosk.stage.socket), "--json")
    assert done["ordered"]


def _portrait(kiosk: Kiosk, told: Told, out: Path) -> tuple[Event, dict[str, Path]]:
    """Return the portrait's stage in the opened record, and the record's files by name."""
    kiosk.await_receipts()
    opened = kiosk.opened(told.record_id, out)
    stage = next(one for one in opened["manifest"]["stages"] if one["name"] == "portrait")
    return stage, {Path(name).name: Path(name) for name in opened["files"]}


def test_a_special_case_is_let_through_and_recorded(kiosk: Kiosk, tmp_path: Path) -> None:
    """A head that cannot be held straight: allowed while the camera looks, "not assessed", no question asked."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    kiosk.stage.camera.show("tilted", one.seed)
    allow = ("special-case", "head_tilt", "--supervisor", "Trần Thị Bình")
    told = kiosk.visit(one.person.number, on_guidance={TILTED: lambda: _order(kiosk, *allow)})
    assert told.events[-1]["state"] == "durable"
    assert told.verdict("portrait") == "not assessed"
    assert [event["code"] for event in told.kinds("question")] == ["notice", "confirm"]
    stage, _ = _portrait(kiosk, told, tmp_path / "opened")
    assert stage["facts"]["relaxed for head tilt"].endswith("allowed by Trần Thị Bình")
    assert "relaxed for head tilt: head_pose_roll" in stage["reason"]


def test_by_hand_until_no_try_is_left_keeps_the_best_and_all_values(kiosk: Kiosk, tmp_path: Path) -> None:
    """Three tries by hand, a fourth is refused; gone on with the best, recorded as failed with the reason."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    kiosk.stage.camera.show("tilted", one.seed)

    def again() -> str:
        _order(kiosk, "by-hand", "cannot_pose")
        return "retry"

    answers: list[Answer] = [again, again, "retry", "continue"]
    told = kiosk.visit(one.person.number, answers, {TILTED: lambda: _order(kiosk, "by-hand", "cannot_pose")})
    assert told.errors == ["portrait.no_tries_left"]
    assert told.events[-1]["state"] == "durable"
    stage, files = _portrait(kiosk, told, tmp_path / "opened")
    assert stage["facts"]["taken by hand"] == "the person cannot take the pose"
    tries = json.loads(next(path for name, path in files.items() if "tries" in name).read_bytes())
    assert [one["verdict"] for one in tries["tries"]] == ["failed"] * 3
