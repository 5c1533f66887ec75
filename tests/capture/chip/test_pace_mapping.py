from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.chip import Chip
from firmware_mocks.chip_card.files import FileSystem
from firmware_mocks.chip_card.pace import Pace, Passwords
from firmware_mocks.chip_card.variants import Variant

from agent.capture.chip import CardAccessNumber, ChipDataError, ChipError, WrongCan
from agent.capture.chip.apdu import Command
from agent.capture.chip.ciphers import AES_128
from agent.capture.chip.domain_parameters import STANDARDISED, plus
from agent.capture.chip.pace import MappingProof, _proof, establish, proves, supported, token
from agent.capture.chip.pace_mapping import map_number, pseudo_random
from agent.capture.chip.passwords import Password
from agent.capture.chip.secure_messaging import SessionKeys
from agent.capture.chip.security_infos import PaceInfo

Example = dict[str, Any]
Vector = Callable[[str], Example]
CAN = Password.of(CardAccessNumber("000017"))
STATIC = 0x1234567890ABCDEF1234567890ABCDEF
# Every mapping on every group, and every cipher on one group of each kind.
VARIANTS = [
    *(Variant("gm", number, 2) for number in STANDARDISED),
    *(Variant("im", number, 2) for number in STANDARDISED if number != 10),
    *(Variant("cam", number, 4) for number in STANDARDISED if number > 2),
    *(Variant(mapping, number, cipher) for mapping, number, cipher in product(("gm", "im"), (0, 13), (1, 3, 4))),  # type: ignore[arg-type]
    *(Variant("cam", 13, cipher) for cipher in (2, 3)),
]


def chip_of(variant: Variant, **options: Any) -> Any:
    """Make a link to a chip that runs one variant and has nothing else."""
    card = Card(
        Chip(FileSystem({}, {}), Passwords("000017", "")),
        new_pace=lambda passwords: Pace(passwords, variants=[variant], static=STATIC, **options),
    )

    class Link:
        def transmit(self, apdu: bytes) -> tuple[bytes, int]:
            answer = card.transmit(apdu)
            return answer[:-2], int.from_bytes(answer[-2:])

    return Link()


def info_of(variant: Variant) -> PaceInfo:
    """Return the variant as EF.CardAccess has it."""
    return PaceInfo(variant.oid, 2, variant.parameter_id)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.mapping}-{v.parameter_id}-{v.cipher}")
def test_every_variant_opens_a_chip_written_apart(variant: Variant) -> None:
    """The session works for a protected command; chip authentication mapping proves its static key."""
    info = info_of(variant)
    assert supported(info)
    channel = establish(chip_of(variant), info, CAN, os.urandom)
    assert channel.session.send(Command(0xB0, 0x81, 0, expected=4)) == (b"", 0x6A82)
    assert (channel.proof is not None) == (variant.mapping == "cam")
    if channel.proof is not None:
        static = STANDARDISED[variant.parameter_id].generator.times(STATIC)
        assert proves(channel.proof, static)
        assert not proves(channel.proof, static.times(2))


@pytest.mark.parametrize("variant", [Variant("im", 13), Variant("cam", 13), Variant("gm", 0, 1), Variant("im", 2, 4)])
def test_a_wrong_number_is_refused_by_every_mapping(variant: Variant) -> None:
    """At the token, and once."""
    with pytest.raises(WrongCan):
        establish(chip_of(variant), info_of(variant), Password.of(CardAccessNumber("000018")), os.urandom)


class TestWorkedExamples:
    """Doc 9303-11, appendices G.2, H and I."""

    def test_generic_mapping_in_a_modular_group(self, vector: Vector) -> None:
        """G.2: g^s * h, both sides' keys, the secret and both tokens."""
        example, group = vector("pace_gm_dh_appG2"), STANDARDISED[0]
        number = {name: int(example[name], 16) for name in ("p", "g", "q", "h", "g_mapped", "nonce_s", "sk_ifd")}
        assert (group.p, group.generator.value, group.q) == (number["p"], number["g"], number["q"])  # type: ignore[union-attr]
        mapped = plus(group.generator.times(number["nonce_s"]), group.decode(bytes.fromhex(example["h"])))
        assert mapped.encode() == number["g_mapped"].to_bytes(128)
        ours, theirs = mapped.times(number["sk_ifd"]), group.decode(bytes.fromhex(example["pk_ic"]))
        assert ours == group.decode(bytes.fromhex(example["pk_ifd"]))
        secret = theirs.agree(number["sk_ifd"])
        assert secret.hex().upper() == example["shared_secret"]
        keys = SessionKeys.derive(secret, AES_128)
        assert keys.encryption.hex().upper() == example["ks_enc"]
        info = PaceInfo(bytes.fromhex("04007F00070202040102"), 2, 0)
        assert token(info, keys, theirs).hex().upper() == example["t_ifd"]
        assert token(info, keys, ours).hex().upper() == example["t_ic"]

    def test_integrated_mapping_on_a_curve(self, vector: Vector) -> None:
        """H.1: the pseudo-random number, the point, both keys, the secret and both tokens."""
        example, curve = vector("pace_im_ecdh_appH1"), STANDARDISED[13]
        nonce, ours = bytes.fromhex(example["nonce_s"]), bytes.fromhex(example["nonce_t"])
        assert AES_128.decrypt(bytes.fromhex(example["k_pi"]), bytes.fromhex(example["enc_nonce_z"])) == nonce
        number = pseudo_random(AES_128, nonce, ours, curve.p)
        assert number == int(example["rp"], 16)
        mapped = map_number(curve, number)
        assert mapped.encode()[1:].hex().upper() == example["g_mapped"]
        public = mapped.times(int(example["sk_ifd"], 16))
        assert public.encode()[1:].hex().upper() == example["pk_ifd"]
        theirs = curve.decode(b"\x04" + bytes.fromhex(example["pk_ic"]))
        secret = theirs.agree(int(example["sk_ifd"], 16))
        assert secret.hex().upper() == example["shared_secret"]
        keys = SessionKeys.derive(secret, AES_128)
        info = PaceInfo(bytes.fromhex(example_oid(example)), 2, 13)
        assert token(info, keys, theirs).hex().upper() == example["t_ifd"]
        assert token(info, keys, public).hex().upper() == example["t_ic"]

    def test_integrated_mapping_in_a_modular_group(self, vector: Vector) -> None:
        """H.2: the pseudo-random number and the generator."""
        example, group = vector("pace_im_dh_appH2"), STANDARDISED[0]
        nonce, ours = bytes.fromhex(example["nonce_s"]), bytes.fromhex(example["nonce_t"])
        number = pseudo_random(AES_128, nonce, ours, group.p)
        assert number == int(example["rp"], 16)
        assert map_number(group, number).encode().hex().upper() == example["g_mapped"]

    def test_chip_authentication_mapping(self, vector: Vector) -> None:
        """I: the chip authentication data open, and prove the static key."""
        example, curve = vector("pace_cam_appI"), STANDARDISED[13]
        info = PaceInfo(bytes.fromhex("04007F00070202040602"), 2, 13)
        keys = SessionKeys(bytes.fromhex(example["ks_enc"]), bytes(16))
        mapping_key = curve.decode(b"\x04" + bytes.fromhex(example["map_pk_ic"]))
        answer = bytes.fromhex(f"8608{example['t_ic']}8A30{example['a_ic']}")
        proof = _proof(info, keys, mapping_key, answer)
        assert proof is not None
        assert proof.data.hex().upper() == example["ca_ic"]
        assert proves(proof, curve.decode(b"\x04" + bytes.fromhex(example["static_pk_ic"])))


def example_oid(example: Example) -> str:
    """Return the identifier's bytes of id-PACE-ECDH-IM-AES-CBC-CMAC-128."""
    assert example["oid"] == "0.4.0.127.0.7.2.2.4.4.2"
    return "04007F00070202040402"


class TestHostileMappings:
    """What a chip may send to choose the generator."""

    @pytest.mark.parametrize("number", [0, 1])
    def test_numbers_that_map_to_nothing_are_refused(self, number: int) -> None:
        """0 has no point; in a modular group 0 and 1 generate nothing."""
        with pytest.raises(ChipDataError, match="degenerates"):
            map_number(STANDARDISED[0], number)
        with pytest.raises(ChipDataError, match="degenerates"):
            map_number(STANDARDISED[13], 0)

    def test_p224_has_no_integrated_mapping(self) -> None:
        """Its prime is 1 modulo 4."""
        with pytest.raises(ChipDataError, match="no integrated mapping"):
            map_number(STANDARDISED[10], 5)

    @pytest.mark.parametrize("scalar", [b"", b"\0", b"\xff" * 33])
    def test_proofs_beyond_the_order_prove_nothing(self, scalar: bytes) -> None:
        """Zero, and more than the order."""
        base = STANDARDISED[13].generator
        assert not proves(MappingProof(base, scalar), base)

    def test_a_key_of_another_curve_proves_nothing(self) -> None:
        """EF.CardSecurity may hold keys for other protocols."""
        assert not proves(MappingProof(STANDARDISED[13].generator, b"\1"), STANDARDISED[12].generator)

    @pytest.mark.parametrize("step", [1, 2, 3, 4])
    def test_every_cut_of_a_chips_answers_is_refused(self, step: int) -> None:
        """Chip authentication mapping, at every byte of every answer."""
        variant = Variant("cam", 9, 2)
        for cut in range((0, 20, 53, 53, 46)[step]):
            with pytest.raises(ChipError):
                establish(Cut(chip_of(variant), step, cut), info_of(variant), CAN, os.urandom)


class Cut:
    """A link that cuts one answer to some bytes."""

    def __init__(self, link: Any, step: int, cut: int) -> None:
        self._link, self._left, self._cut = link, step, cut

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send on, cut the answer whose turn it is."""
        data, sw = self._link.transmit(apdu)
        self._left -= 1
        return (data[: self._cut] if self._left == -1 else data), sw


@pytest.mark.slow
@pytest.mark.parametrize("variant", [Variant("gm", 13), Variant("im", 13), Variant("cam", 13)], ids=str)
def test_a_thousand_runs_without_one_failure(variant: Variant) -> None:
    """Leading zero bytes turn up in coordinates, secrets and nonces of some of them."""
    for _ in range(1000):
        establish(chip_of(variant), info_of(variant), CAN, os.urandom)
