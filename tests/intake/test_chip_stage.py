"""The chip stage with the mock chip behind it: what the signed policy says reaches the reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event

import pytest
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.mrz import passport_information
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import AccessDenied, AccessKey, CardAccessNumber, MrzInformation, TrustAnchors
from agent.capture.evidence import Evidence, Verdict
from agent.devices.seams import CardLink
from agent.intake.chip_stage import ChipStage, chip_policy
from agent.intake.policy import Policy
from agent.intake.stages import Context
from agent.roster import Member

HEAD, RECORD_ID = bytes(range(32)), bytes(range(16))
CAN = CardAccessNumber(DEFAULT_PERSON.can)
ZONE = MrzInformation(passport_information(DEFAULT_PERSON))
MEMBER = Member(DEFAULT_PERSON.number, DEFAULT_PERSON.full_name, date(1990, 1, 1), "Chi bộ 1", True)


@dataclass
class Lying:
    """A card that lies on the reader."""

    card: Card

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Hand the command to the chip."""
        answer = self.card.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])


@dataclass
class Desk:
    """Performs the stage with a card of some kind under some policy."""

    folder: Path
    policy: Policy

    def perform(self, kind: str, key: AccessKey = CAN, **rules: object) -> Evidence:
        """Perform it."""
        chip = personalise(DEFAULT_PERSON, drawn_portrait(), self.folder, document=DOCUMENTS[kind])

        @contextmanager
        def lying() -> Iterator[CardLink]:
            yield Lying(Card(chip))

        def open_card(_deadline: float, _cancelled: Event) -> AbstractContextManager[CardLink]:
            return lying()

        anchors = TrustAnchors.from_der([(self.folder / "csca.der").read_bytes()])
        policy = chip_policy(self.policy.model_copy(update=rules), 10.0)
        stage = ChipStage(open_card, lambda: HEAD, anchors, policy, 30.0, 30.0)
        return stage.perform(Context(RECORD_ID, MEMBER, key, lambda _: None, Event())).evidence


@pytest.fixture
def desk(tmp_path: Path, policy: Policy) -> Desk:
    """Return a desk whose kiosk trusts the card's issuer."""
    return Desk(tmp_path, policy)


def parts_of(evidence: Evidence) -> set[str]:
    """Return the parts' names."""
    return {part.name for part in evidence.parts}


def test_the_citizen_card_is_the_default(desk: Desk) -> None:
    """With the fields of the form, and never the raw DG13."""
    evidence = desk.perform("cccd")
    assert evidence.facts["document"] == "cccd, TD1"
    assert evidence.facts["dg13_fields_dropped"] == "6 7 10 13 15 16"
    assert "chip/dg13_raw" not in parts_of(evidence)
    assert evidence.facts["active_authentication_bound_to"] == "the record"


def test_dg13_is_kept_as_the_policy_says(desk: Desk) -> None:
    """No field, or all as they were signed."""
    assert "chip/dg13" not in parts_of(desk.perform("cccd", dg13_fields=frozenset()))
    assert "chip/dg13_raw" in parts_of(desk.perform("cccd", keep_raw_dg13=True))


def test_bac_needs_the_policys_leave(desk: Desk) -> None:
    """And then the record tells it."""
    with pytest.raises(AccessDenied, match="offers no PACE"):
        desk.perform("passport-bac", ZONE, document="icao")
    evidence = desk.perform("passport-bac", ZONE, document="icao", allow_bac=True)
    (check,) = [check for check in evidence.checks if check.name == "access_control"]
    assert (check.verdict, check.reason) == (Verdict.PASSED, "BAC only: the chip offers no PACE")


def test_a_citizen_card_requires_pace_whatever_the_policy_allows(desk: Desk) -> None:
    """The profile is stronger."""
    with pytest.raises(AccessDenied):
        desk.perform("passport-bac", ZONE, allow_bac=True)


def test_optional_groups_are_kept_as_the_policy_says(desk: Desk) -> None:
    """DG11 of a passport, say."""
    assert "chip/dg11" not in parts_of(desk.perform("passport", ZONE, document="icao"))
    assert "chip/dg11" in parts_of(desk.perform("passport", ZONE, document="icao", optional_groups=frozenset({11})))
