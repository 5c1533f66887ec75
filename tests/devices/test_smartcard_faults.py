"""Faults of card and link over a real pcscd, switched while the card lies there."""

from __future__ import annotations

import time
from threading import Event

import pytest
from firmware_mocks.card_reader import CardProcess
from firmware_mocks.card_reader import CardReader as MockReader

from agent.capture.chip import (
    TRAVEL_DOCUMENT,
    AccessKey,
    CardAccessNumber,
    ChipPolicy,
    ChipResult,
    MrzInformation,
    SessionBroken,
    TrustAnchors,
    read_chip,
)
from agent.capture.chip.pieces import PieceMemory
from agent.capture.evidence import Verdict
from agent.devices.smartcard import CardReader

GUARD_S = 30.0


def read(card: CardProcess, key: AccessKey | None = None, policy: ChipPolicy | None = None) -> ChipResult:
    """Read the card on the reader with its own number, or with another key."""
    with CardReader().wait_for_card(time.monotonic() + GUARD_S, Event()) as session:
        return read_chip(
            session,
            key or CardAccessNumber(card.can),
            None,
            TrustAnchors.from_der([card.csca.with_suffix(".der").read_bytes()]),
            policy or ChipPolicy(),
            lambda _: None,
            deadline=time.monotonic() + GUARD_S,
            cancelled=Event(),
            pieces=PieceMemory(),
        )


def test_one_card_with_one_fault_after_another(mock_reader: MockReader) -> None:
    """Changed at run time, over the reader's wire: each is judged for itself, and the card gets sound again."""
    card = mock_reader.insert()
    for words, failed in (
        (("swapped-dg2",), {"data_group_hashes"}),
        (("cloned",), {"active_authentication", "chip_authentication"}),
        (("pieces=64", "no-extended-length"), set()),
        (("exact-le", "short-read=120"), set()),
        (("wire-6c", "no-extended-length"), set()),
        ((), set()),
    ):
        card.fault(*words)
        result = read(card)
        found = {check.name for check in result.evidence.checks if check.verdict is Verdict.FAILED}
        assert found == failed, words
    card.fault("wrong-mac-after=2")
    with pytest.raises(SessionBroken, match="MAC"):
        read(card)


def test_long_keys_without_extended_length(mock_reader: MockReader) -> None:
    """PACE and chip authentication with 2048-bit groups, in chained commands down to the reader."""
    card = mock_reader.insert(None, "--document", "passport-dh", "--fault", "no-extended-length")
    zone = MrzInformation(str(card.ready["mrz_information"]))
    result = read(card, zone, ChipPolicy(document=TRAVEL_DOCUMENT))
    assert result.evidence.verdict is Verdict.PASSED, result.evidence.reason


def test_a_card_that_is_lost_for_a_moment_is_read_on(mock_reader: MockReader) -> None:
    """It leaves the field in one command and comes back by itself."""
    card = mock_reader.insert(None, "--fault", "lost-at=11")
    result = read(card)
    assert result.evidence.verdict is Verdict.PASSED
    assert result.evidence.facts["card_returns"] == "1"


def test_a_slow_link_tells_what_it_took(mock_reader: MockReader) -> None:
    """The bit-rate model of the mock: the report has bytes, and the seconds of chip and link apart."""
    card = mock_reader.insert(None, "--fault", "bit-rate=848")
    result = read(card)
    report = card.report()
    assert report["apdus"] == int(result.evidence.facts["apdus"])
    assert report["answer_bytes"] == int(result.evidence.facts["bytes_read"]) + 2 * report["apdus"]
    carried = 8 * (report["command_bytes"] + report["answer_bytes"]) / 848_000
    assert report["link_s"] == pytest.approx(0.002 * report["apdus"] + carried)
    assert report["chip_s"] > 0
