from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware_mocks.chip_card import mrz as mock_mrz
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import TRAVEL_DOCUMENT, ChipPolicy, MrzInformation
from agent.capture.chip.trace import TracedCard


def test_every_command_is_told_and_nothing_protected(new_link: Callable[..., Any], read: Any) -> None:
    """PACE in full, since nobody learns a password from it; then headers and lengths."""
    told: list[str] = []
    link = new_link()
    read(TracedCard(link, told.append))
    asked = [line for line in told if line.startswith(">")]
    assert len(asked) == len(link.commands)
    assert asked[0] == "> 00A4020C 02011C"
    assert any("7C43" in line for line in asked)
    protected = [line for line in asked if line.startswith("> 0C") or line.startswith("> 1C")]
    assert protected
    assert all(line.endswith("bytes]") for line in protected)


def test_a_lifted_card_is_told(new_link: Callable[..., Any], read: Any) -> None:
    """With its answer to reset."""
    told: list[str] = []
    link = new_link()
    link.lose_at = {9}
    read(TracedCard(link, told.append))
    assert [line for line in told if line.startswith("=")] == [
        "= card lost, waiting for it",
        "= card back, ATR 3B80800101",
    ]


def test_bac_cannot_be_searched_through(new_link: Callable[..., Any], read: Any) -> None:
    """Challenge and cryptogram stay out: the key has few bits."""
    told: list[str] = []
    key = MrzInformation(mock_mrz.passport_information(DEFAULT_PERSON))
    link = new_link(document="passport-bac")
    read(TracedCard(link, told.append), key=key, policy=ChipPolicy(document=TRAVEL_DOCUMENT, allow_bac=True))
    at = next(number for number, line in enumerate(told) if line.startswith("> 00820000"))
    assert told[at - 2 : at + 1] == ["> 00840000 [1 bytes]", told[at - 1], "> 00820000 [42 bytes]"]
    assert told[at - 1].startswith("< [8 bytes] 9000")
    assert told[at + 1].startswith("< [40 bytes] 9000")
