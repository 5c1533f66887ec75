"""Every kind of document with every fault of card and link, in one table; and faults that begin in the middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.faults import NAMES, Faults
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import (
    CITIZEN_CARD,
    TRAVEL_DOCUMENT,
    CardAccessNumber,
    ChipDataError,
    ChipError,
    ChipPolicy,
    MrzInformation,
    SessionBroken,
)
from agent.capture.evidence import Verdict

NewLink = Callable[..., Any]
KINDS = [name for name in DOCUMENTS if name not in ("cccd-downgraded", "passport-hidden-pace")]


@dataclass(frozen=True)
class Fault:
    """A fault and what a reading comes to: the one check that fails, the error that is raised, or nothing of both.

    With neither the reading goes on to its end and passes.
    """

    words: str
    failed: str = ""
    error: type[ChipError] | None = None
    match: str = ""


TABLE = (
    Fault(""),
    Fault("forged-sod=DG1", failed="data_group_hashes"),
    Fault("forged-sod=DG2", failed="data_group_hashes"),
    Fault("swapped-dg2", failed="data_group_hashes"),
    Fault("foreign-csca", failed="certificate_chain"),
    Fault("cloned", failed="active_authentication"),
    Fault("lying-length=DG1", error=ChipDataError, match="claims"),
    Fault("lying-length=DG2", error=ChipDataError, match="claims"),
    Fault("wrong-mac-after=0", error=SessionBroken, match="MAC"),
    Fault("wrong-mac-after=4", error=SessionBroken, match="MAC"),
    Fault("no-extended-length"),
    Fault("no-dg2"),
    Fault("short-read=100"),
    Fault("short-read=8 no-extended-length"),
    Fault("exact-le"),
    Fault("exact-le no-extended-length"),
    Fault("wire-6c"),
    Fault("wire-6c no-extended-length"),
    Fault("pieces=64"),
    Fault("pieces=200 no-extended-length"),
)
# What is wrong with the link takes time and a real one: tests/devices/test_smartcard_faults.py has these over pcscd.
ON_THE_LINK = {"lost-at", "vanish-after", "slow", "bit-rate"}


def read_kind(read: Any, link: Any, kind: str) -> Any:
    """Read a document of a kind with what opens it."""
    information = link.card._chip.passwords.mrz_information
    if not DOCUMENTS[kind].passport:
        return read(link, key=CardAccessNumber(DEFAULT_PERSON.can), policy=ChipPolicy(document=CITIZEN_CARD))
    policy = ChipPolicy(document=TRAVEL_DOCUMENT, allow_bac=True)
    return read(link, key=MrzInformation(information), policy=policy)


def failed(result: Any) -> set[str]:
    """Return the names of what failed."""
    return {check.name for check in result.evidence.checks if check.verdict is Verdict.FAILED}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", TABLE, ids=lambda fault: fault.words or "sound")
def test_every_kind_with_every_fault(new_link: NewLink, read: Any, kind: str, fault: Fault) -> None:
    """A fault is failed by its own check, refused by its own error, or borne."""
    link = new_link(*fault.words.split(), document=kind)
    if fault.error is not None:
        with pytest.raises(fault.error, match=fault.match):
            read_kind(read, link, kind)
        return
    result = read_kind(read, link, kind)
    if fault.failed:
        assert fault.failed in failed(result)
        assert result.evidence.verdict is Verdict.FAILED
        return
    assert result.evidence.verdict is Verdict.PASSED, result.evidence.reason
    assert (result.portrait is None) == ("no-dg2" in fault.words)


@pytest.mark.parametrize("kind", KINDS)
def test_without_card_access_only_the_citizen_card_goes_on(new_link: NewLink, read: Any, kind: str) -> None:
    """By its constant; elsewhere PACE is gone, and DG14 gives that away after BAC."""
    link, document = new_link("no-card-access", document=kind), DOCUMENTS[kind]
    if not document.passport:
        assert read_kind(read, link, kind).evidence.facts["card_access"] == "the profile's constant"
        return
    if not document.bac:
        with pytest.raises(ChipError, match="offers no PACE"):
            read_kind(read, link, kind)
        return
    expected = {"access_control_consistency"} if document.pace else set()
    assert failed(read_kind(read, link, kind)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_lost_anywhere_after_the_password(new_link: NewLink, read: Any, kind: str) -> None:
    """Taken up again where it was, everywhere."""
    whole = new_link(document=kind)
    read_kind(read, whole, kind)
    opened = 1 + next(n for n, command in enumerate(whole.commands) if command[0] & 0x0C)
    for lost_at in range(opened + 1, len(whole.commands), 4):
        link = new_link(document=kind)
        link.lose_at = {lost_at}
        result = read_kind(read, link, kind)
        assert result.evidence.verdict is Verdict.PASSED
        assert result.evidence.facts["card_returns"] == "1"


def test_no_fault_of_the_mock_is_left_out() -> None:
    """A fault that is added to the mock needs its row."""
    named = {word.partition("=")[0] for fault in TABLE for word in fault.words.split()} | {"no-card-access"}
    assert named | ON_THE_LINK == {name.partition("=")[0].partition("[")[0] for name in NAMES}


class TestAtRunTime:
    """Faults that begin while the chip is read."""

    @pytest.mark.parametrize(
        ("word", "outcome"),
        [("wrong-mac-after=0", SessionBroken), ("lying-length=DG2", ChipDataError), ("swapped-dg2", None)],
    )
    def test_a_sound_card_goes_bad_in_the_middle(
        self, new_link: NewLink, read: Any, csca_folder: Any, portrait: bytes, word: str, outcome: Any
    ) -> None:
        """After EF.SOD came in sound."""
        link = new_link()
        faults = Faults.parse([word])
        other = personalise(DEFAULT_PERSON, portrait, csca_folder, faults)

        def turn(number: int, _command: bytes, answer: bytes) -> bytes:
            if number == 9:
                link.card.become(other, faults)
            return answer

        link.answer = turn
        if outcome is not None:
            with pytest.raises(outcome):
                read(link)
            return
        # Another genuine chip answers from here on: its keys are its own, but nothing matches what was signed.
        assert failed(read(link)) == {"data_group_hashes"}

    def test_a_bad_card_gets_sound_again(self, new_link: NewLink, read: Any, csca_folder: Any, portrait: bytes) -> None:
        """One program, one card, any faults one after another."""
        link = new_link("cloned")
        assert "active_authentication" in failed(read(link))
        link.card.become(personalise(DEFAULT_PERSON, portrait, csca_folder), Faults())
        link.card.reset()
        assert read(link).evidence.verdict is Verdict.PASSED
