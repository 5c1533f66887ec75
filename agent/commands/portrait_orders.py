"""Deciding about the portrait of an open visit: `kiosk portrait by-hand|special-case`, and in `kiosk intake`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.console.client import KioskClient
from agent.console.errors import NoVisitOpen
from agent.words import Words

BY_HAND = Words("Chụp tay, có lý do", "Take it by hand, with a reason")
SPECIAL_CASE = Words("Trường hợp đặc biệt, có cán bộ phụ trách cho phép", "A special case, on a supervisor's word")
WHY = Words("Vì sao chụp tay?", "Why by hand?")
WHICH = Words("Trường hợp nào?", "Which case?")
SUPERVISOR = Words("Tên cán bộ phụ trách cho phép:", "Name of the supervisor who allows it:")
ORDERED = Words("✓ Đã ra lệnh.", "Ordered.")

Choices = Mapping[str, Any]  # Any: JSON from the daemon


def by_hand(client: KioskClient, screen: Screen, reason: str) -> ExitCode:
    """Have the open visit's portrait taken as it is; raise NoVisitOpen."""
    visit_id = _open_visit(client)
    client.take_by_hand(visit_id, reason)
    return _done(screen, visit_id)


def special_case(client: KioskClient, screen: Screen, case: str, supervisor: str) -> ExitCode:
    """Relax the gates of a special case for the open visit; raise NoVisitOpen."""
    visit_id = _open_visit(client)
    client.relax_portrait(visit_id, case, supervisor)
    return _done(screen, visit_id)


def offered(choices: Choices) -> list[tuple[str, str]]:
    """Return what `kiosk intake` offers beside the question's own choices, when a portrait failed."""
    kinds = (("by_hand", BY_HAND), ("special_cases", SPECIAL_CASE))
    return [(kind, f"{words.vi} · {words.en}") for kind, words in kinds if choices["open"] and choices[kind]]


def order(client: KioskClient, screen: Screen, visit_id: str, kind: str, choices: Choices) -> None:
    """Ask for the reason, or for case and supervisor, and give the order. Raises EOFError with nobody there."""
    question = WHY if kind == "by_hand" else WHICH
    texts = [(one["code"], f"{one['words']['vi']} · {one['words']['en']}") for one in choices[kind]]
    code = screen.ask(question.vi, question.en, texts)
    if kind == "by_hand":
        client.take_by_hand(visit_id, code)
        return
    screen.say(SUPERVISOR, "bold")
    client.relax_portrait(visit_id, code, input().strip())


def _open_visit(client: KioskClient) -> str:
    visit_id = str(client.status().get("visit") or "")
    if not visit_id:
        raise NoVisitOpen
    return visit_id


def _done(screen: Screen, visit_id: str) -> ExitCode:
    if screen.as_json:
        screen.json({"visit": visit_id, "ordered": True})
    else:
        screen.say(ORDERED, "green")
    return ExitCode.OK
