from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import (
    CITIZEN_CARD,
    TRAVEL_DOCUMENT,
    AccessDenied,
    CardAccessNumber,
    ChipDataError,
    ChipPolicy,
    MrzInformation,
    SessionBroken,
)
from agent.capture.evidence import Verdict

NewLink = Callable[..., Any]
KINDS = [name for name in DOCUMENTS if name not in ("cccd-downgraded", "passport-hidden-pace")]


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
class TestEveryKind:
    """Every kind of document with every fault."""

    def test_a_genuine_one_passes(self, new_link: NewLink, read: Any, kind: str) -> None:
        """Without faults."""
        assert read_kind(read, new_link(document=kind), kind).evidence.verdict is Verdict.PASSED

    @pytest.mark.parametrize("group", ["DG1", "DG2"])
    def test_a_forged_group_fails(self, new_link: NewLink, read: Any, kind: str, group: str) -> None:
        """By its hash, and nothing else."""
        assert "data_group_hashes" in failed(read_kind(read, new_link(f"forged-sod={group}", document=kind), kind))

    def test_a_foreign_issuer_fails(self, new_link: NewLink, read: Any, kind: str) -> None:
        """A perfect document of nowhere."""
        assert "certificate_chain" in failed(read_kind(read, new_link("foreign-csca", document=kind), kind))

    def test_a_clone_fails(self, new_link: NewLink, read: Any, kind: str) -> None:
        """By active authentication at least, which every kind here has."""
        assert "active_authentication" in failed(read_kind(read, new_link("cloned", document=kind), kind))

    def test_a_lying_length_is_refused(self, new_link: NewLink, read: Any, kind: str) -> None:
        """Two gigabytes are not read."""
        with pytest.raises(ChipDataError, match="claims"):
            read_kind(read, new_link("lying-length=DG2", document=kind), kind)

    def test_a_wrong_mac_breaks_the_session(self, new_link: NewLink, read: Any, kind: str) -> None:
        """At once and for good."""
        link = new_link("wrong-mac-after=4", document=kind)
        with pytest.raises(SessionBroken, match="MAC"):
            read_kind(read, link, kind)

    def test_short_lengths_serve(self, new_link: NewLink, read: Any, kind: str) -> None:
        """Chips and readers without extended length; 2048-bit PACE has no other way to say its numbers."""
        link = new_link("no-extended-length", document=kind)
        if kind == "passport-dh":
            with pytest.raises(AccessDenied, match="6700; then BAC"):
                read_kind(read, link, kind)
            return
        assert read_kind(read, link, kind).evidence.verdict is Verdict.PASSED

    def test_lost_anywhere_after_the_password(self, new_link: NewLink, read: Any, kind: str) -> None:
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
