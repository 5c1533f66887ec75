from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from firmware_mocks.chip_card.forgery import GROUPS, Signer, Sod

from agent.capture.evidence import Check, Verdict

Judge = Callable[..., dict[str, Check]]


def failed(checks: Mapping[str, Check]) -> set[str]:
    """Return the names of what failed."""
    return {check.name for check in checks.values() if check.verdict is Verdict.FAILED}


class TestChain:
    """Who issued the signer."""

    def test_an_unknown_csca_fails(self, judge: Judge, signer: Signer) -> None:
        """A kiosk that trusts somebody else."""
        other = Signer.make(ec.generate_private_key(ec.SECP256R1()), "Other CSCA")
        assert failed(judge(Sod(signer).build(), anchors=[other.der])) == {"certificate_chain"}

    def test_a_csca_of_the_same_name_fails(self, judge: Judge, signer: Signer) -> None:
        """Anybody can write a name into a certificate."""
        false = Signer.make(ec.generate_private_key(ec.SECP384R1()), "CSCA")
        checks = judge(Sod(signer).build(), anchors=[false.der])
        assert failed(checks) == {"certificate_chain"}
        assert "not signed by" in checks["certificate_chain"].reason

    def test_a_self_made_signer_fails(self, judge: Judge) -> None:
        """A forger signs his own documents perfectly."""
        forger = Signer.make(ec.generate_private_key(ec.SECP256R1()), "DS")
        checks = judge(Sod(forger).build())
        assert failed(checks) == {"certificate_chain"}
        assert "no CSCA" in checks["certificate_chain"].reason

    def test_after_a_new_key_both_cscas_are_tried(self, judge: Judge, signer: Signer, csca: Signer) -> None:
        """Two anchors of one name."""
        newer = Signer.make(ec.generate_private_key(ec.SECP384R1()), "CSCA")
        for anchors in ([newer.der, csca.der], [csca.der, newer.der]):
            assert not failed(judge(Sod(signer).build(), anchors=anchors))

    def test_a_signer_cannot_issue_signers(self, judge: Judge, signer: Signer) -> None:
        """Only anchors issue; the security object's own certificates do not."""
        second = Signer.make(ec.generate_private_key(ec.SECP256R1()), "DS 2", issuer=signer)
        sod = Sod(second, certificates=[signer.der, second.der])
        assert failed(judge(sod.build())) == {"certificate_chain"}

    def test_without_anchors_nothing_is_claimed(self, judge: Judge, signer: Signer) -> None:
        """Not assessed, and why."""
        check = judge(Sod(signer).build(), anchors=[])["certificate_chain"]
        assert (check.verdict, check.reason) == (Verdict.NOT_ASSESSED, "this kiosk has no CSCA certificate")

    def test_a_signer_from_outside_its_cscas_dates_fails(self, judge: Judge, csca: Signer) -> None:
        """Made with a key that was withdrawn, or before there was one; the kiosk's clock plays no part."""
        for start in (datetime(2019, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)):
            dates = (start, datetime(2046, 1, 1, tzinfo=UTC))
            outside = Signer.make(ec.generate_private_key(ec.SECP256R1()), issuer=csca, dates=dates)
            assert "certificate_chain" in failed(judge(Sod(outside).build()))

    def test_an_expired_signer_is_reported_and_decides_nothing(self, judge: Judge, signer: Signer) -> None:
        """The card outlives its signer, and the kiosk's clock may be wrong."""
        for now in (datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)):
            checks = judge(Sod(signer).build(), now=now)
            assert failed(checks) == {"document_signer_dates"}
            assert not checks["document_signer_dates"].gate

    def test_a_changed_certificate_fails(self, judge: Judge, csca: Signer, signer: Signer) -> None:
        """A certificate with the forger's key in place of the signer's, under the old signature."""
        forger = ec.generate_private_key(ec.BrainpoolP256R1())
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        old = signer.key.public_key().public_bytes(*form)
        changed = signer.der.replace(old, forger.public_key().public_bytes(*form))
        false = Signer(forger, x509.load_der_x509_certificate(changed))
        assert failed(judge(Sod(false).build())) == {"certificate_chain"}


class TestHashes:
    """Whether the data groups are what was signed."""

    @pytest.mark.parametrize("number", [1, 2, 13])
    def test_a_swapped_data_group_is_named(self, judge: Judge, signer: Signer, number: int) -> None:
        """Another person's portrait, say."""
        checks = judge(Sod(signer).build(), groups={**GROUPS, number: b"\x75\x01x"})
        assert failed(checks) == {"data_group_hashes"}
        assert checks["data_group_hashes"].reason == f"not what was signed: DG{number}"

    def test_a_data_group_that_was_not_signed_is_named(self, judge: Judge, signer: Signer) -> None:
        """It was added later."""
        sod = Sod(signer, groups={1: GROUPS[1], 13: GROUPS[13]}).build()
        assert judge(sod)["data_group_hashes"].reason == "not what was signed: DG2"

    def test_a_data_group_that_the_chip_hides_is_named(self, judge: Judge, signer: Signer) -> None:
        """A forger who has no fitting portrait answers that there is none."""
        shown = {number: data for number, data in GROUPS.items() if number != 2}
        checks = judge(Sod(signer).build(), groups=shown, absent=(2,))
        assert failed(checks) == {"data_group_hashes"}
        assert checks["data_group_hashes"].reason == "signed but not in the chip: DG2"

    def test_a_data_group_that_was_never_there_is_no_fault(self, judge: Judge, signer: Signer) -> None:
        """Small children's cards may have no portrait."""
        shown = {1: GROUPS[1], 13: GROUPS[13]}
        assert not failed(judge(Sod(signer, groups=shown).build(), groups=shown, absent=(2,)))

    def test_signed_data_groups_that_nobody_asked_for_are_no_fault(self, judge: Judge, signer: Signer) -> None:
        """Fingerprints are listed and can never be read here."""
        assert not failed(judge(Sod(signer, groups={**GROUPS, 3: b"fingers"}).build()))
