from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from firmware_mocks.chip_card import mrz as mock_mrz
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import (
    CITIZEN_CARD,
    TRAVEL_DOCUMENT,
    AccessDenied,
    CardAccessNumber,
    ChipPolicy,
    ChipResult,
    MrzInformation,
    Pin,
    Puk,
    TrustAnchors,
    WrongCan,
    WrongMrz,
    WrongPin,
)
from agent.capture.evidence import Check, Verdict

NewLink = Callable[..., Any]
Read = Callable[..., ChipResult]
PASSPORT = ChipPolicy(document=TRAVEL_DOCUMENT)
WITH_BAC = ChipPolicy(document=TRAVEL_DOCUMENT, allow_bac=True)
ZONE = MrzInformation(mock_mrz.passport_information(DEFAULT_PERSON))
OTHER_ZONE = MrzInformation("C00000001599010183901016")


def found(result: ChipResult, name: str) -> Check:
    """Return one check by its name."""
    return next(check for check in result.evidence.checks if check.name == name)


class TestPassports:
    """Every kind of document that the mock chip can be."""

    @pytest.mark.parametrize(
        ("document", "access", "agreed"),
        [
            ("passport", "PACE-ECDH-GM-AES-128, brainpoolP256r1, MRZ", "CA-ECDH-AES-128, brainpoolP256r1"),
            ("passport-im", "PACE-ECDH-IM-AES-128, secp256r1, MRZ", "CA-ECDH-AES-128, secp256r1"),
            ("passport-cam", "PACE-ECDH-CAM-AES-128, brainpoolP256r1, MRZ", "CA-ECDH-AES-128, brainpoolP256r1"),
            (
                "passport-dh",
                "PACE-DH-GM-AES-128, 2048-bit MODP, 224-bit subgroup, MRZ",
                "CA-DH-AES-192, 2048-bit MODP, 256-bit subgroup",
            ),
            ("passport-aes256", "PACE-ECDH-GM-AES-256, brainpoolP384r1, MRZ", "CA-ECDH-AES-256, brainpoolP384r1"),
            ("passport-3des", "PACE-ECDH-GM-3DES, brainpoolP320r1, MRZ", "CA-ECDH-3DES, brainpoolP320r1"),
        ],
    )
    def test_it_passes(self, new_link: NewLink, read: Read, document: str, access: str, agreed: str) -> None:
        """Access, the chip's proofs, passive authentication and the zone's check digits."""
        result = read(new_link(document=document), key=ZONE, policy=PASSPORT)
        assert result.evidence.verdict is Verdict.PASSED, result.evidence.reason
        assert result.evidence.facts["access_control"] == access
        assert result.evidence.facts["chip_authentication"] == agreed
        assert result.evidence.facts["document"] == "icao, TD3"
        assert result.holder.full_name == "NGUYEN THI MAU"

    def test_only_what_a_collector_needs_is_kept(self, new_link: NewLink, read: Read) -> None:
        """Address, signature and persons to notify are not even read."""
        result = read(new_link(document="passport"), key=ZONE, policy=PASSPORT)
        assert result.evidence.facts["data_groups_read"] == "1 2 14 15"
        assert result.evidence.facts["data_groups_left"] == "3 7 11 12 16"
        kept = {part.name for part in result.evidence.parts if part.name.startswith("chip/dg")}
        assert kept == {"chip/dg1", "chip/dg2", "chip/dg14", "chip/dg15"}

    def test_what_the_policy_wants_beyond_is_read_and_kept(self, new_link: NewLink, read: Read) -> None:
        """Whole, since only the whole group matches its signed hash; parsed for the screen."""
        policy = replace(PASSPORT, optional_groups=frozenset({11, 16}))
        result = read(new_link(document="passport"), key=ZONE, policy=policy)
        assert result.evidence.facts["data_groups_left"] == "3 7 12"
        assert {"chip/dg11", "chip/dg16"} <= {part.name for part in result.evidence.parts}
        assert result.optional.personal.texts["personal_number"] == DEFAULT_PERSON.number
        assert [person.telephone for person in result.optional.to_notify] == ["0123"]
        assert result.optional.document.texts == {}
        assert DEFAULT_PERSON.number not in repr(result)

    def test_a_badly_written_optional_group_ends_nothing(self, new_link: NewLink, read: Read) -> None:
        """It is told and is no gate; here its hash is wrong as well, which is one."""
        link = new_link(document="passport")
        groups = link.card._chip.files.application
        (number,) = [number for number in groups if number & 0xFF == 0x0B]
        groups[number] = bytes.fromhex("6B045F0E01FF")
        result = read(link, key=ZONE, policy=replace(PASSPORT, optional_groups=frozenset({11})))
        check = found(result, "optional_groups")
        assert (check.verdict, check.gate) == (Verdict.FAILED, False)
        assert found(result, "data_group_hashes").verdict is Verdict.FAILED

    def test_fingerprints_are_never_wanted(self, new_link: NewLink, read: Read) -> None:
        """DG3 is closed to a kiosk, whatever a policy lists."""
        policy = replace(PASSPORT, optional_groups=frozenset({3, 4, 7}))
        link = new_link(document="passport")
        assert read(link, key=ZONE, policy=policy).evidence.facts["data_groups_left"] == "3 11 12 16"

    def test_the_newer_data_structure_tells_its_version(self, new_link: NewLink, read: Read) -> None:
        """LDS 1.8 has it in the signed object."""
        newer = read(new_link(document="passport-cam"), key=ZONE, policy=PASSPORT)
        older = read(new_link(document="passport"), key=ZONE, policy=PASSPORT)
        assert (newer.evidence.facts["lds_version"], older.evidence.facts["lds_version"]) == ("0108", "0107")

    @pytest.mark.parametrize("kind", ["ecdsa", "ecdsa-der", "rsa", "rsa-sha1"])
    def test_every_kind_of_active_authentication(self, new_link: NewLink, read: Read, kind: str) -> None:
        """Plain and DER signatures, message recovery with both trailers."""
        result = read(new_link(document="passport", kind=kind), key=ZONE, policy=PASSPORT)
        assert found(result, "active_authentication").verdict is Verdict.PASSED

    def test_a_chip_without_the_key_is_not_assessed_and_that_is_no_gate(self, new_link: NewLink, read: Read) -> None:
        """Not every document has active authentication; the record says so."""
        result = read(new_link(document="passport", kind="none"), key=ZONE, policy=PASSPORT)
        check = found(result, "active_authentication")
        assert (check.verdict, check.gate) == (Verdict.NOT_ASSESSED, False)
        assert result.evidence.verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        "document", ["passport-im", "passport-cam", "passport-dh", "passport-aes256", "passport-3des"]
    )
    def test_a_clone_fails_its_proofs(self, new_link: NewLink, read: Read, document: str) -> None:
        """Whatever the group and the cipher, and the mapping's proof as well."""
        result = read(new_link("cloned", document=document), key=ZONE, policy=PASSPORT)
        names = {"active_authentication", "chip_authentication"}
        names |= {"chip_authentication_mapping"} if document == "passport-cam" else set()
        assert {check.name for check in result.evidence.checks if check.verdict is Verdict.FAILED} == names

    def test_a_genuine_mapping_without_anchors_is_not_assessed(self, new_link: NewLink, read: Any) -> None:
        """The key in EF.CardSecurity is only worth its signer."""
        link = new_link(document="passport-cam")
        assert found(read(link, key=ZONE, policy=PASSPORT), "chip_authentication_mapping").verdict is Verdict.PASSED
        read.anchors = TrustAnchors(())
        result = read(new_link(document="passport-cam"), key=ZONE, policy=PASSPORT)
        check = found(result, "chip_authentication_mapping")
        assert (check.verdict, check.attested) == (Verdict.NOT_ASSESSED, True)

    def test_an_explicit_parameter_csca_is_an_anchor(self, new_link: NewLink, read: Any, csca_folder: Any) -> None:
        """As the known Vietnamese one is."""
        read.anchors = TrustAnchors.from_der([(csca_folder / "csca-explicit.der").read_bytes()])
        result = read(new_link(document="passport"), key=ZONE, policy=PASSPORT)
        assert found(result, "certificate_chain").verdict is Verdict.PASSED

    def test_a_wrong_zone_is_told_from_a_wrong_number(self, new_link: NewLink, read: Read) -> None:
        """Each password has its own words, and is tried once."""
        wrong = OTHER_ZONE
        link = new_link(document="passport")
        with pytest.raises(WrongMrz):
            read(link, key=wrong, policy=WITH_BAC)
        assert link.tokens == 1


class TestDowngrade:
    """BAC in the place of PACE."""

    @pytest.mark.parametrize("document", ["passport-bac", "passport-bac-ca"])
    def test_it_is_refused_unless_policy_allows_it(self, new_link: NewLink, read: Read, document: str) -> None:
        """Nothing happens silently."""
        link = new_link(document=document)
        with pytest.raises(AccessDenied, match="offers no PACE"):
            read(link, key=ZONE, policy=PASSPORT)
        assert not any(command[1] == 0x84 for command in link.commands)

    @pytest.mark.parametrize("document", ["passport-bac", "passport-bac-ca"])
    def test_a_chip_that_has_nothing_else_passes_where_allowed(
        self, new_link: NewLink, read: Read, document: str
    ) -> None:
        """With the weakness in the record."""
        result = read(new_link(document=document), key=ZONE, policy=WITH_BAC)
        assert result.evidence.verdict is Verdict.PASSED
        assert found(result, "access_control").reason == "BAC only: the chip offers no PACE"
        assert result.evidence.facts["access_control"] == "BAC, MRZ"

    def test_dg14_gives_the_downgrade_away(self, new_link: NewLink, read: Read) -> None:
        """Somebody in between hid EF.CardAccess; DG14 is signed and lists PACE."""
        result = read(new_link(document="passport-hidden-pace"), key=ZONE, policy=WITH_BAC)
        check = found(result, "access_control_consistency")
        assert check.verdict is Verdict.FAILED
        assert "downgrade" in check.reason
        assert result.evidence.verdict is Verdict.FAILED

    def test_failing_pace_falls_back_only_where_allowed(self, new_link: NewLink, read: Read) -> None:
        """A chip, or somebody in between, that breaks PACE: recorded, and failed by DG14."""

        def broken(_number: int, command: bytes, answer: bytes) -> bytes:
            return b"\x6a\x80" if command[1:4] == bytes.fromhex("22C1A4") else answer

        link = new_link(document="passport")
        link.answer = broken
        with pytest.raises(AccessDenied, match="MSE:Set AT: 6A80"):
            read(link, key=ZONE, policy=PASSPORT)
        result = read(link, key=ZONE, policy=WITH_BAC)
        assert found(result, "access_control").reason == "BAC only: MSE:Set AT: 6A80"
        assert found(result, "access_control_consistency").verdict is Verdict.FAILED

    def test_a_citizen_card_requires_pace_whatever_policy_says(self, new_link: NewLink, read: Read) -> None:
        """The constant stands in for a hidden EF.CardAccess, and BAC is never tried."""
        link = new_link("no-card-access", document="passport-bac")
        with pytest.raises(AccessDenied):
            read(link, key=ZONE, policy=ChipPolicy(document=CITIZEN_CARD, allow_bac=True))
        assert not any(command[1] == 0x84 for command in link.commands)

    def test_a_number_cannot_open_by_bac(self, new_link: NewLink, read: Read) -> None:
        """BAC's key is made of the zone."""
        with pytest.raises(AccessDenied):
            read(new_link(document="passport-bac"), key=CardAccessNumber("000017"), policy=WITH_BAC)

    def test_a_card_access_that_contradicts_dg14_fails(self, new_link: NewLink, read: Read) -> None:
        """The weaker variant alone was shown."""
        result = read(new_link(document="cccd-downgraded"))
        assert result.evidence.facts["access_control"].startswith("PACE-ECDH-GM-3DES")
        check = found(result, "access_control_consistency")
        assert (check.verdict, check.reason) == (
            Verdict.FAILED,
            "EF.CardAccess, which is not signed, contradicts DG14",
        )

    def test_a_wrong_zone_in_bac_is_tried_once(self, new_link: NewLink, read: Read) -> None:
        """EXTERNAL AUTHENTICATE goes out one time."""
        link = new_link(document="passport-bac")
        with pytest.raises(WrongMrz):
            read(link, key=OTHER_ZONE, policy=WITH_BAC)
        assert sum(command[1] == 0x82 for command in link.commands) == 1

    def test_a_lifted_document_is_opened_again_in_the_same_way(self, new_link: NewLink, read: Read) -> None:
        """BAC is run anew and the file read on."""
        link = new_link("no-extended-length", document="passport-bac")
        link.lose_at = {14}
        result = read(link, key=ZONE, policy=WITH_BAC)
        assert result.evidence.verdict is Verdict.PASSED
        assert result.evidence.facts["card_returns"] == "1"


class TestSecretNumbers:
    """PIN and PUK."""

    def test_both_open(self, new_link: NewLink, read: Read) -> None:
        """References 3 and 4 of MSE:Set AT."""
        for key, name in ((Pin("123456"), "PIN"), (Puk("9999999999"), "PUK")):
            result = read(new_link(document="id-pin"), key=key)
            assert result.evidence.facts["access_control"].endswith(name)
            assert "123456" not in repr(key)

    def test_a_wrong_pin_tells_the_tries_left(self, new_link: NewLink, read: Read) -> None:
        """63C2, 63C1, 63C0; then the chip is blocked."""
        link = new_link(document="id-pin")
        left = []
        for _ in range(4):
            with pytest.raises(WrongPin) as caught:
                read(link, key=Pin("000000"))
            left.append(caught.value.tries_left)
        assert left == [2, 1, 0, 0]
        assert link.tokens == 4

    def test_a_wrong_can_stays_a_wrong_can(self, new_link: NewLink, read: Read) -> None:
        """6300, and no number of tries."""
        with pytest.raises(WrongCan) as caught:
            read(new_link(document="id-pin"), key=CardAccessNumber("999999"))
        assert caught.value.tries_left is None
