from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from firmware_mocks.chip_card.forgery import GROUPS, Sod
from firmware_mocks.chip_card.trust_files import State
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError, TrustAnchors
from agent.capture.chip.errors import NotTrusted
from agent.capture.chip.passive_authentication import authenticate
from agent.capture.chip.security_object import parse_sod
from agent.capture.chip.trust_lists import TrustKind, parse_crl, read_trust_file
from agent.capture.evidence import Check, Verdict

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def state() -> State:
    """Make a state whose CSCA is trusted."""
    return State.make()


@pytest.fixture(scope="module")
def trusted(state: State) -> TrustAnchors:
    """Trust its CSCA."""
    return TrustAnchors.from_der([state.csca.der])


def chain(sod: bytes, anchors: TrustAnchors) -> Check:
    """Judge a security object's chain."""
    return {check.name: check for check in authenticate(parse_sod(sod), GROUPS, anchors, NOW)}["certificate_chain"]


class TestCertificates:
    """CSCA and link certificates."""

    def test_a_csca_is_trusted_by_whoever_imports_it(self, state: State) -> None:
        """In DER and in PEM."""
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(state.csca.der) + b"-----END CERTIFICATE-----\n"
        for data in (state.csca.der, pem):
            read = read_trust_file(data, TrustAnchors(()))
            assert (read.kind, read.certificates) == (TrustKind.CSCA, (state.csca.der,))

    def test_a_document_signer_is_no_anchor(self, state: State, trusted: TrustAnchors) -> None:
        """It may not issue."""
        with pytest.raises(NotTrusted, match="may not issue"):
            read_trust_file(state.signer().der, trusted)

    def test_a_link_needs_the_anchor_before_it(self, state: State, trusted: TrustAnchors) -> None:
        """And then carries the next CSCA's documents."""
        following, link = state.linked()
        with pytest.raises(NotTrusted, match="link"):
            read_trust_file(link, TrustAnchors.from_der([State.make().csca.der]))
        read = read_trust_file(link, trusted)
        assert read.kind is TrustKind.LINK
        document = Sod(following.signer()).build()
        assert chain(document, trusted).verdict is Verdict.FAILED
        both = TrustAnchors.from_der([state.csca.der, *read.certificates])
        assert chain(document, both).verdict is Verdict.PASSED


class TestMasterLists:
    """Many states' CSCAs in one signed list."""

    def test_its_own_signature_is_checked_first(self, state: State, trusted: TrustAnchors) -> None:
        """Then all its certificates are anchors."""
        others = [State.make(name).csca.der for name in ("A", "B")]
        read = read_trust_file(state.master_list(others), trusted)
        assert read.kind is TrustKind.MASTER_LIST
        assert set(read.certificates) == set(others)

    def test_a_list_of_somebody_else_is_refused(self, trusted: TrustAnchors) -> None:
        """Signed well, by nobody who is trusted."""
        stranger = State.make("Stranger")
        with pytest.raises(NotTrusted, match="no CSCA"):
            read_trust_file(stranger.master_list([stranger.csca.der]), trusted)

    def test_a_signer_for_documents_signs_no_lists(self, state: State, trusted: TrustAnchors) -> None:
        """The extended key usage says what a signer is for."""
        with pytest.raises(NotTrusted, match="not for master lists"):
            read_trust_file(state.master_list([state.csca.der], for_lists=False), trusted)

    def test_a_changed_list_is_refused(self, state: State, trusted: TrustAnchors) -> None:
        """One certificate in another's place."""
        one, other = State.make("A").csca.der, State.make("A").csca.der
        listed = state.master_list([one])
        changed = listed.replace(one[60:], other[60 : 60 + len(one) - 60].ljust(len(one) - 60, b"\0"))
        assert changed != listed
        with pytest.raises((NotTrusted, ChipDataError)):
            read_trust_file(changed, trusted)

    def test_unusable_certificates_are_counted(self, state: State, trusted: TrustAnchors) -> None:
        """States' lists have some; the others count."""
        usable = State.make("A").csca.der
        broken = usable.replace(bytes.fromhex("06082A8648CE3D030107"), bytes.fromhex("06082A8648CE3D030109"))
        read = read_trust_file(state.master_list([usable, broken]), trusted)
        assert (read.certificates, read.skipped) == ((usable,), 1)


class TestRevocation:
    """Signers that were taken back."""

    def test_a_revoked_signer_fails(self, state: State, trusted: TrustAnchors) -> None:
        """The others of the state do not."""
        revoked, good = state.signer(), state.signer()
        crl = parse_crl(state.crl([revoked.certificate.serial_number]), trusted)
        anchors = TrustAnchors(trusted.certificates, (crl,))
        check = chain(Sod(revoked).build(), anchors)
        assert (check.verdict, "revoked" in check.reason) == (Verdict.FAILED, True)
        assert chain(Sod(good).build(), anchors).verdict is Verdict.PASSED

    def test_an_empty_list_revokes_nobody(self, state: State, trusted: TrustAnchors) -> None:
        """And is a list."""
        assert read_trust_file(state.crl([]), trusted).kind is TrustKind.CRL
        assert parse_crl(state.crl([]), trusted).serials == frozenset()

    def test_a_list_of_the_same_name_and_another_key_is_refused(self, trusted: TrustAnchors) -> None:
        """Anybody could stop a state's documents otherwise."""
        with pytest.raises(NotTrusted, match="signed by no CSCA"):
            read_trust_file(State.make().crl([1]), trusted)


class TestHostileFiles:
    """What may be on a stick."""

    def test_truncation_at_every_byte_is_refused(self, state: State, trusted: TrustAnchors) -> None:
        """Certificate, master list, revocation list."""
        for whole in (state.csca.der, state.master_list([state.csca.der]), state.crl([1])):
            for cut in range(0, len(whole), 3):
                with pytest.raises((ChipDataError, NotTrusted)):
                    read_trust_file(whole[:cut], trusted)

    @given(st.binary(max_size=200), st.sampled_from([b"", b"\x30", b"\x30\x82", b"-----BEGIN CERTIFICATE-----\n"]))
    def test_any_bytes_are_refused(self, data: bytes, head: bytes) -> None:
        """Nothing but our own errors."""
        with pytest.raises((ChipDataError, NotTrusted)):
            read_trust_file(head + data, TrustAnchors(()))

    def test_nine_megabytes_are_not_parsed(self) -> None:
        """Bounded memory."""
        with pytest.raises(ChipDataError, match="too many"):
            read_trust_file(bytes(9 * 1024 * 1024), TrustAnchors(()))
