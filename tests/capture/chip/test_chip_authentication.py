from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card.chip_keys import Agreement, AgreementKey, agreement_infos, dg14
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError
from agent.capture.chip.chip_authentication import choose, static_key
from agent.capture.chip.curves import BRAINPOOL_P256R1
from agent.capture.chip.domain_parameters import STANDARDISED
from agent.capture.chip.security_infos import ChipPublicKey, parse_dg14, parse_security_infos
from agent.capture.chip.tlv import encode
from agent.capture.evidence import Verdict


def offered(*infos: bytes) -> bytes:
    """Make a DG14 of these."""
    return encode(0x6E, encode(0x31, b"".join(infos)))


@pytest.mark.parametrize("parameter_id", sorted(STANDARDISED))
@pytest.mark.parametrize("cipher", [1, 2, 3, 4])
def test_every_standardised_key_is_understood(parameter_id: int, cipher: int) -> None:
    """ECDH and DH, named and by number, as a chip written apart has them."""
    key = AgreementKey(Agreement(parameter_id, cipher, 5))
    chosen = choose(parse_dg14(dg14(key, None, [])))
    assert chosen is not None
    assert (chosen.group, chosen.key_id) == (STANDARDISED[parameter_id], 5)
    assert chosen.static == chosen.group.generator.times(key.private)
    assert chosen.protocol is not None
    assert chosen.protocol[-1] == cipher


def test_the_strongest_key_is_taken() -> None:
    """AES-256 before 3DES, each with the key of its number."""
    weak, strong = AgreementKey(Agreement(13, 1, 1)), AgreementKey(Agreement(16, 4, 2))
    chosen = choose(parse_dg14(offered(*agreement_infos(weak), *agreement_infos(strong))))
    assert chosen is not None
    assert (chosen.suite.name, chosen.key_id) == ("AES-256", 2)


def test_a_key_without_a_protocol_means_3des() -> None:
    """Doc 9303-11, 9.2.5: older documents list their key alone."""
    _, public = agreement_infos(AgreementKey())
    chosen = choose(parse_dg14(offered(public)))
    assert chosen is not None
    assert (chosen.suite.name, chosen.protocol) == ("3DES", None)


def test_nothing_offered_is_nothing_chosen() -> None:
    """An empty DG14, and a protocol without its key."""
    protocol, _ = agreement_infos(AgreementKey())
    assert choose(parse_dg14(offered())) is None
    assert choose(parse_dg14(offered(protocol))) is None


def test_explicit_parameters_of_a_modular_group_must_be_standardised() -> None:
    """Of another prime nobody knows the subgroup."""
    _, public = agreement_infos(AgreementKey(Agreement(0, 2)))
    prime = STANDARDISED[0].p.to_bytes(128)
    with pytest.raises(ChipDataError, match="domain parameters"):
        choose(parse_dg14(offered(public.replace(prime[-20:], bytes(20)))))


@pytest.mark.parametrize("parameter_id", [13, 12, 0])
def test_truncation_of_a_key_at_every_byte_is_refused(parameter_id: int) -> None:
    """No cut is a key."""
    whole = AgreementKey(Agreement(parameter_id)).public
    for cut in range(len(whole)):
        with pytest.raises(ChipDataError):
            static_key(ChipPublicKey(parameter_id > 2, whole[:cut], None))


@pytest.mark.parametrize(
    "changed",
    [
        lambda public: public[:-64] + bytes(64),
        lambda public: public[:-64] + b"\xff" * 64,
        lambda public: public.replace(b"\x03\x42\x00", b"\x03\x42\x07"),
    ],
    ids=["zero", "beyond the field", "unused bits"],
)
def test_points_that_are_none_are_refused(changed: Callable[[bytes], bytes]) -> None:
    """Before anything secret is multiplied with them."""
    with pytest.raises(ChipDataError):
        static_key(ChipPublicKey(True, changed(AgreementKey().public), None))


@pytest.mark.parametrize("value", [0, 1])
def test_residues_of_small_order_are_refused(value: int) -> None:
    """0, 1 and p - 1 would give the secret away."""
    group = STANDARDISED[0]
    for number in (value, group.p - 1, group.p + 2, 2):
        with pytest.raises(ChipDataError):
            group.decode(number.to_bytes(129).lstrip(b"\0") or b"\0")


class TestSecurityInfos:
    """The set that offers protocols."""

    def test_unknown_protocols_are_skipped(self) -> None:
        """Restricted identification, say."""
        other = encode(0x30, encode(0x06, bytes.fromhex("04007F000702020502")) + encode(0x02, b"\x01"))
        assert choose(parse_dg14(offered(other, *agreement_infos(AgreementKey())))) is not None

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut is taken for a whole."""
        whole = dg14(AgreementKey(), None, [])
        for cut in range(len(whole)):
            with pytest.raises(ChipDataError):
                parse_dg14(whole[:cut])

    def test_too_many_are_refused(self) -> None:
        """Nobody offers 65 protocols."""
        with pytest.raises(ChipDataError):
            parse_security_infos(encode(0x31, agreement_infos(AgreementKey())[0] * 65))

    @given(st.binary(max_size=200))
    def test_any_bytes_are_parsed_or_refused(self, data: bytes) -> None:
        """Nothing but ChipDataError."""
        for content in (data, encode(0x31, data), encode(0x31, encode(0x30, data))):
            try:
                parse_security_infos(content)
            except ChipDataError:
                continue


class TestWithAChip:
    """The protocol's end, seen from outside."""

    def test_a_chip_that_refuses_its_own_protocol_fails(
        self, new_link: Callable[..., Any], read: Callable[..., Any]
    ) -> None:
        """DG14 offers it and is signed; a protected refusal is a verdict, no error."""
        link = new_link()
        link.card._chip.agreement.variant = Agreement(13, 3)
        checks = {check.name: check for check in read(link).evidence.checks}
        assert checks["chip_authentication"].verdict is Verdict.FAILED
        assert "refuses" in checks["chip_authentication"].reason

    def test_a_card_lifted_in_the_middle_of_it_is_taken_up_again(
        self, new_link: Callable[..., Any], read: Callable[..., Any]
    ) -> None:
        """Everything is opened anew, and the proof done from its start."""
        link = new_link()
        link.lose_at = {16}
        result = read(link)
        assert result.evidence.verdict is Verdict.PASSED
        assert result.evidence.facts["secure_channels"] == "2"
        assert BRAINPOOL_P256R1.title in result.evidence.facts["chip_authentication"]
