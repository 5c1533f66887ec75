from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from agent.capture.chip import AccessDenied, CardAccessNumber, ChipDataError, ChipError, WrongMrz
from agent.capture.chip.apdu import Command
from agent.capture.chip.curves import BRAINPOOL_P256R1, Point
from agent.capture.chip.documents import CCCD_CARD_ACCESS
from agent.capture.chip.pace import choose, establish, supported
from agent.capture.chip.passwords import Password
from agent.capture.chip.security_infos import PaceInfo, parse_security_infos

Example = dict[str, Any]
# PACE-ECDH-GM-AES-128 on brainpoolP256r1
CITIZEN = PaceInfo(bytes.fromhex("04007F00070202040202"), 2, 13)
PLAIN_SELECT = Command(0xA4, 0x04, 0x0C, bytes.fromhex("A0000002471001"))


class ScalarsOf:
    """Randomness that makes PACE draw the worked example's secrets, in their order."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [int(secret, 16) - 1 for secret in secrets]

    def __call__(self, size: int) -> bytes:
        """Give the next secret, less one as the draw adds it."""
        return self._secrets.pop(0).to_bytes(size)


@pytest.fixture
def g1(vector: Callable[[str], Example]) -> Example:
    """Doc 9303-11, G.1."""
    return vector("pace_gm_ecdh_appG1")


@pytest.fixture
def play(g1: Example, scripted: type[Any]) -> Callable[..., Any]:
    """Run PACE with the worked example's secrets on its transcript, of which single answers may be changed."""

    def run(changed: dict[int, str] | None = None) -> Any:
        script = [(pair["c"], pair["r"]) for pair in g1["apdus"]]
        for number, answer in (changed or {}).items():
            script[number] = (script[number][0], answer)
        link = scripted(*script)
        return establish(
            link,
            CITIZEN,
            Password.from_mrz_information(g1["mrz_information"]),
            ScalarsOf(g1["map_sk_ifd"], g1["sk_ifd"]),
        )

    return run


def test_worked_example_command_by_command(play: Callable[..., Any], g1: Example) -> None:
    """All five commands of G.1 are the published bytes, and the session has the published keys."""
    session = play().session
    assert session._keys.encryption.hex().upper() == g1["ks_enc"]
    assert session._keys.authentication.hex().upper() == g1["ks_mac"]


def test_passwords_are_named_and_hidden() -> None:
    """The CAN goes in as characters under reference 2, the MRZ as its SHA-1 under reference 1; neither is printed."""
    can = Password.from_can(CardAccessNumber("123456"))
    assert (can.reference, can.secret) == (2, b"123456")
    assert Password.from_mrz_information("T22000129364081251010318").reference == 1
    assert "123456" not in repr(can)
    assert "3132" not in repr(can)


def test_the_mock_chip_opens_with_its_can(new_link: Callable[..., Any]) -> None:
    """Against a chip written apart: the session works for a protected command."""
    session = establish(new_link(), CITIZEN, Password.from_can(CardAccessNumber("000017")), os.urandom).session
    assert session.send(PLAIN_SELECT) == (b"", 0x9000)


def test_many_runs_never_fail(new_link: Callable[..., Any]) -> None:
    """Coordinates and secrets with leading zero bytes turn up in some of them."""
    link = new_link()
    for _ in range(16):
        establish(link, CITIZEN, Password.from_can(CardAccessNumber("000017")), os.urandom)
    assert link.tokens == 16


class TestChoice:
    """Which of the variants offered is run."""

    def test_the_citizen_cards_only_variant(self) -> None:
        """The constant of all cards seen."""
        assert choose(parse_security_infos(CCCD_CARD_ACCESS).pace) == CITIZEN

    @pytest.mark.parametrize(
        "info",
        [
            PaceInfo(CITIZEN.protocol, 1, 13),
            PaceInfo(CITIZEN.protocol, 2, None),
            PaceInfo(CITIZEN.protocol, 2, 0),
            PaceInfo(CITIZEN.protocol, 2, 19),
            PaceInfo(CITIZEN.protocol[:-1] + b"\x05", 2, 13),
            PaceInfo(CITIZEN.protocol[:-2] + b"\x05\x02", 2, 13),
            PaceInfo(CITIZEN.protocol[:-2] + b"\x01\x02", 2, 13),
            PaceInfo(CITIZEN.protocol[:-2] + b"\x04\x02", 2, 10),
            PaceInfo(CITIZEN.protocol[:-2] + b"\x06\x01", 2, 13),
        ],
        ids=[
            "version",
            "no parameters",
            "DH on ECDH",
            "curve",
            "cipher",
            "mapping",
            "ECDH on DH",
            "P-224 IM",
            "CAM 3DES",
        ],
    )
    def test_what_the_standard_does_not_have_is_not_run(self, info: PaceInfo) -> None:
        """Version 1, parameters of the other kind, arcs that do not exist, combinations that 9303-11 rules out."""
        assert not supported(info)
        assert choose([info]) is None

    def test_the_strongest_is_run(self) -> None:
        """Cipher first, then the group, then the mapping that proves the chip."""
        weak = PaceInfo(CITIZEN.protocol[:-1] + b"\x01", 2, 17)
        wide = PaceInfo(CITIZEN.protocol, 2, 16)
        proving = PaceInfo(CITIZEN.protocol[:-2] + b"\x06\x02", 2, 16)
        strong = PaceInfo(CITIZEN.protocol[:-1] + b"\x04", 2, 13)
        assert choose([weak, CITIZEN]) == CITIZEN
        assert choose([wide, CITIZEN]) == wide
        assert choose([wide, proving, weak]) == proving
        assert choose([proving, strong]) == strong

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut of EF.CardAccess is taken for a whole."""
        for cut in range(len(CCCD_CARD_ACCESS)):
            with pytest.raises(ChipDataError):
                parse_security_infos(CCCD_CARD_ACCESS[:cut])


class TestRefusals:
    """Status words of the chip, and what they mean."""

    @pytest.mark.parametrize(("sw", "left"), [("6300", None), ("63C2", 2), ("63C0", 0)])
    def test_a_refused_token_is_a_wrong_password(self, play: Callable[..., Any], sw: str, left: int | None) -> None:
        """The chip's word on the password, with the tries that it has left where it says so."""
        with pytest.raises(WrongMrz) as caught:
            play({4: sw})
        assert caught.value.tries_left == left
        assert caught.value.sw == int(sw, 16)

    @pytest.mark.parametrize(
        ("step", "sw"), [(0, "6A80"), (0, "63C1"), (1, "6985"), (2, "6A80"), (3, "6300"), (4, "6982")]
    )
    def test_other_refusals_are_not_blamed_on_the_can(self, play: Callable[..., Any], step: int, sw: str) -> None:
        """Only the token step judges the password."""
        with pytest.raises(AccessDenied, match=sw):
            play({step: sw})

    def test_a_false_token_of_the_chip_denies_access(self, play: Callable[..., Any]) -> None:
        """A chip that does not know the password itself is no chip to talk to."""
        with pytest.raises(AccessDenied, match="token is wrong"):
            play({4: "7C0A8608 3ABB9674BCE93C09 9000"})

    def test_our_own_key_is_not_taken_back(self, play: Callable[..., Any], g1: Example) -> None:
        """9303-11, 4.4: the two public keys must differ; a mirror would open a channel with itself."""
        own = "7C43844104" + g1["pk_ifd"] + "9000"
        with pytest.raises(AccessDenied, match="own key"):
            play({3: own})

    def test_the_mirror_of_our_own_key_is_not_taken_either(self, play: Callable[..., Any], g1: Example) -> None:
        """-P has the same x coordinate, and so the same shared secret as P."""
        own = BRAINPOOL_P256R1.decode(b"\x04" + bytes.fromhex(g1["pk_ifd"]))
        mirrored = Point(own.curve, own.x, own.curve.p - own.y)
        with pytest.raises(AccessDenied, match="own key"):
            play({3: "7C438441" + mirrored.encode().hex() + "9000"})


class TestHostileAnswers:
    """What a chip may send to break the protocol."""

    def test_truncation_at_every_byte_of_every_answer_is_refused(self, play: Callable[..., Any], g1: Example) -> None:
        """No cut of any answer leads to a session."""
        for step in range(1, 5):
            answer = bytes.fromhex(g1["apdus"][step]["r"])[:-2]
            for cut in range(len(answer)):
                with pytest.raises(ChipError):
                    play({step: answer[:cut].hex() + "9000"})

    @pytest.mark.parametrize(
        ("step", "answer"),
        [
            (1, "7C128110" + "00" * 16),
            (1, "7C118010" + "00" * 15),
            (1, "7C1A 8018" + "00" * 24),
            (1, "7C0F 800D" + "00" * 13),
            (2, "7C438241 04" + "11" * 64),
            (2, "7C03 820100"),
            (3, "7C438441 04" + "00" * 64),
            (3, "7C23 8421 02" + "11" * 32),
            (4, "7C02 8600"),
            (4, "7C0986083ABB9674BCE93C08"),
        ],
    )
    def test_nonsense_is_refused(self, play: Callable[..., Any], step: int, answer: str) -> None:
        """Other tags, lying lengths, points off the curve, infinity, an empty token."""
        with pytest.raises(ChipError):
            play({step: answer + "9000"})

    def test_a_mapped_generator_at_infinity_is_refused(self, g1: Example, scripted: type[Any]) -> None:
        """A chip that knows nonce and secret could choose H = -s * G; equal x coordinates are refused."""
        secret = int(g1["map_sk_ifd"], 16)
        inverse = pow(secret, -1, BRAINPOOL_P256R1.n)
        base = BRAINPOOL_P256R1.generator
        multiple = base.times(int(g1["nonce_s"], 16) * inverse % BRAINPOOL_P256R1.n)
        script = [(pair["c"], pair["r"]) for pair in g1["apdus"][:3]]
        script[2] = (script[2][0], "7C438241" + multiple.encode().hex() + "9000")
        with pytest.raises(ChipDataError, match="degenerates"):
            establish(
                scripted(*script),
                CITIZEN,
                Password.from_mrz_information(g1["mrz_information"]),
                ScalarsOf(g1["map_sk_ifd"], g1["sk_ifd"]),
            )
