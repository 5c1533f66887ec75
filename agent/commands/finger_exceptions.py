"""Saying in `kiosk intake` that a finger cannot be taken, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.commands.screen import Screen
from agent.console.client import KioskClient
from agent.console.errors import RemoteError

# As in the policy (`FingerReason`), which the command line does not load.
REASONS = ("missing", "bandaged", "worn", "worn_for_now")
EXCEPT = "except"
OFFERED = (EXCEPT, "Khai báo ngón tay không lấy được · Say that a finger cannot be taken")

Choices = Mapping[str, Any]  # Any: JSON from the daemon


def declare(client: KioskClient, screen: Screen, visit_id: str) -> None:
    """Ask which finger and why, and declare it. Raises EOFError with nobody there."""
    told = client.fingers(visit_id)
    finger = screen.ask("Ngón nào?", "Which finger?", [(one["finger"], _line(one["words"])) for one in told["fingers"]])
    reason = screen.ask("Vì sao?", "Why?", [(one["code"], _line(one["words"])) for one in told["reasons"]])
    before_photo(screen, told, reason)
    try:
        client.except_finger(visit_id, finger, reason)
    except RemoteError as error:
        screen.error(error)


def before_photo(screen: Screen, told: Choices, reason: str) -> None:
    """Where the policy asks for a photo, wait until the hand is before the camera."""
    if any(one["photo"] for one in told["reasons"] if one["code"] == reason):
        screen.ask("Giơ bàn tay trước máy ảnh.", "Hold the hand before the camera.", [("ok", "Chụp · Take the photo")])


def _line(words: Choices) -> str:
    return f"{words['vi']} · {words['en']}"
